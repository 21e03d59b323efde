import { replayTests } from './replay-cases.ts'

replayTests('college-dm')
