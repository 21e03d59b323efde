import { describeConfig } from '#runtime/config.ts'

/** `carillon config`. */
export async function runConfig(): Promise<number> {
  console.log(describeConfig())
  return 0
}
