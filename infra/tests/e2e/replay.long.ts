import { counts, replayTests, sampled } from './replay-cases.ts'

// With those of replay.test.ts these are all.
replayTests(
  'college-dm',
  counts.filter(count => !sampled.includes(count)),
)
