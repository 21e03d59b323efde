import { replayTests, sampled } from './replay-cases.ts'

replayTests('github-2h')
replayTests('college-dm', [sampled])
