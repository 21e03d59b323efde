import { replayTests } from './replay-cases.ts'

replayTests('github-2h')
replayTests('college-dm', ['collapse_leading(60s) then throttle_sliding(10,3600s)', 'quiet(22-08 UTC)'])
