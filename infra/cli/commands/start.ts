import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Audit } from '#ledger/audit.ts'
import { readConfig } from '#runtime/config.ts'
import { untilSignal } from '#runtime/lifecycle.ts'
import { createLog } from '#runtime/log.ts'
import type { Command } from '../command.ts'
import { type Everything, startEverything } from '../everything.ts'
import { openExample } from '../example.ts'
import { isUnderWay, journeyOf, progressOf } from '../journey.ts'
import { printAudit } from '../print.ts'
import { type StatusLine, statusLine } from '../status-line.ts'

export const startCommand: Command = {
  name: 'start',
  usage: 'start [--once]',
  summary: 'Starts everything on this machine, plays real input and shows where it went. Stays up unless --once.',
  run: start,
}

/** Retries with a long back-off are waited for; what waits for its hour is not. */
const settleLimitMs = 5 * 60_000
const refreshMs = 500

async function start(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { once: { type: 'boolean', default: false } } })
  const config = readConfig()
  const log = createLog({ role: 'all', level: config.logLevel === 'info' ? 'error' : config.logLevel })
  const stop = new AbortController()
  void untilSignal().then(() => stop.abort())
  const line = statusLine()

  line.say('Carillon is starting …')
  await using everything = await startEverything({
    config,
    log,
    onPart: ({ name, address }) => line.say(`  ${name.padEnd(20)} ${address}`),
  })
  line.say('\nPlaying what happened on GitHub to a community of 200 people …')
  await using example = await openExample(everything, path.join(config.dataDir, 'published.ndjson'))
  const { intents } = await example.play({
    run: randomUUID(),
    signal: stop.signal,
    onProgress: progress => line.show(`  ${progress.intents} intents stated …`),
  })
  await settle(everything, { published: await example.published(), line, signal: stop.signal })
  const audit = await example.audit()
  console.log(printAudit(audit))
  if (!values.once) await stayUp(everything, { line, signal: stop.signal })
  line.say('Stopping …')
  if (values.once) console.log(JSON.stringify(await summaryOf(everything, { intents, audit })))
  return audit.balanced ? 0 : 1
}

async function settle(
  { installation }: Everything,
  on: { published: number; line: StatusLine; signal: AbortSignal },
): Promise<void> {
  const until = performance.now() + settleLimitMs
  while (!on.signal.aborted && performance.now() < until) {
    const journey = await journeyOf(installation, on.published)
    if (!isUnderWay(journey)) break
    on.line.show(progressOf(journey))
    await sleep(refreshMs, undefined, { signal: on.signal }).catch(() => {})
  }
  on.line.clear()
}

async function stayUp(
  { apiUrl }: Everything,
  { line, signal }: { line: StatusLine; signal: AbortSignal },
): Promise<void> {
  line.say(`\nUp. ${apiUrl} answers; ctrl-C drains and stops everything.`)
  if (!signal.aborted) await new Promise(done => signal.addEventListener('abort', done, { once: true }))
}

async function summaryOf({ installation: { db } }: Everything, { intents, audit }: { intents: number; audit: Audit }) {
  const [row] = await db.query<{ recipients: number }>(
    `select count(*)::int as recipients from (select intent_id, recipient from deliveries union select intent_id, recipient from held) pairs`,
  )
  return {
    intents,
    recipients: row!.recipients,
    outcomes: audit.outcomes,
    audit: audit.balanced ? 'balanced' : 'unbalanced',
  }
}
