import { quietDaysTest, replayTests, sampled } from './replay-cases.ts'

replayTests('github-2h')
replayTests('college-dm', [sampled])
quietDaysTest(['2004-04-24', '2004-04-25', '2004-04-26'])
