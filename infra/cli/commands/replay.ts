import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { isDuration } from '#contracts/catalogue.ts'
import { TraceError } from '#producers/examples/traces.ts'
import { CommandError } from '../command.ts'
import { readConfig } from '#runtime/config.ts'
import { untilSignal } from '#runtime/lifecycle.ts'
import { replay, type ReplayPolicies } from '../replay.ts'
import { printAudit } from '../print.ts'
import { statusLine } from '../status-line.ts'

/** As shells tell it of a program that ctrl-C stopped before it had done its work. */
const interruptedCode = 130

/** `carillon replay`. */
export async function runReplay(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: {
      'only-reason': { type: 'string' },
      dedupe: { type: 'string' },
      throttle: { type: 'string' },
      quiet: { type: 'string' },
    },
  })
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) throw new CommandError('name one file, a trace as .ndjson or .ndjson.gz')
  if (!existsSync(file)) throw new CommandError(`there is no file ${file}`)
  const policies = policiesOf({
    onlyReason: values['only-reason'],
    dedupe: values.dedupe,
    throttle: values.throttle,
    quiet: values.quiet,
  })
  const line = statusLine()
  const stop = new AbortController()
  void untilSignal().then(() => stop.abort())
  const config = readConfig()
  const result = await replay({
    file,
    policies,
    config,
    signal: stop.signal,
    onProgress: text => line.show(`  ${text}`),
  }).catch((error: unknown) => {
    line.clear()
    if (error === stop.signal.reason) return undefined
    throw error instanceof TraceError ? new CommandError(error.message) : error
  })
  line.clear()
  if (!result) {
    line.say('Stopped before the end: nothing is counted.')
    return interruptedCode
  }
  if (result.audit.problems.length > 0) console.error(printAudit(result.audit))
  const { intents, recipients, decided, outcomes, audit } = result
  console.log(
    JSON.stringify({ intents, recipients, decided, outcomes, audit: audit.balanced ? 'balanced' : 'unbalanced' }),
  )
  return audit.balanced ? 0 : 1
}

type Given = {
  onlyReason: string | undefined
  dedupe: string | undefined
  throttle: string | undefined
  quiet: string | undefined
}

/** All mistakes at once. */
export function policiesOf(given: Given): ReplayPolicies {
  const problems: string[] = []
  const policies: ReplayPolicies = { ...(given.onlyReason !== undefined && { onlyReason: given.onlyReason }) }
  if (given.dedupe !== undefined) {
    if (isDuration(given.dedupe)) policies.dedupe = given.dedupe
    else problems.push('--dedupe takes a time like 60s or 10m')
  }
  if (given.throttle !== undefined) {
    const [limit, per] = given.throttle.split('/')
    if (/^[1-9]\d{0,2}$/.test(limit ?? '') && isDuration(per)) policies.throttle = { limit: Number(limit), per }
    else problems.push('--throttle takes a number and a time, like 10/1h')
  }
  if (given.quiet !== undefined) {
    const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(given.quiet)
    if (match && match[1] + match[2]! !== match[3] + match[4]!)
      policies.quiet = { start: given.quiet.slice(0, 5), end: given.quiet.slice(6) }
    else problems.push('--quiet takes two times in UTC, like 22:00-08:00')
  }
  if (problems.length > 0) throw new CommandError(problems.join('; '))
  return policies
}
