import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { funnel } from '#analytics/funnel-store.ts'
import { printFunnel } from '#analytics/funnel.ts'
import { eventsTopicOf } from '#contracts/messages.ts'
import type { Audit } from '#ledger/audit.ts'
import { simulateEngagement } from '#local/engagement.ts'
import { pageLinkTokens } from '#preferences/page-link.ts'
import { createProducerToken, revokeProducerTokens } from '#producers/http/producer-tokens.ts'
import { systemClock } from '#runtime/clock.ts'
import { type Config, readConfig } from '#runtime/config.ts'
import { exitOnCrash, untilSignal } from '#runtime/lifecycle.ts'
import { createLog } from '#runtime/log.ts'
import { type Everything, startEverything } from '../everything.ts'
import { type Example, openExample } from '../example.ts'
import { isUnderWay, journeyOf, progressOf } from '../journey.ts'
import { printAudit } from '../print.ts'
import { type StatusLine, statusLine } from '../status-line.ts'
import { terminal } from '../visit.ts'

/** Retries with a long back-off are waited for; what waits for its hour is not. */
const settleLimitMs = 5 * 60_000
const refreshMs = 500
const liveMs = 2_000
const partWidth = 20
/** As shells tell it of a program that ctrl-C stopped before it had done its work. */
const interruptedCode = 130

type Run = { config: Config; line: StatusLine; signal: AbortSignal }

/** `carillon start`. */
export async function runStart(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { once: { type: 'boolean', default: false } } })
  const config = readConfig()
  const stop = new AbortController()
  void untilSignal().then(() => stop.abort())
  const run = { config, line: statusLine(), signal: stop.signal }
  const summary = await (values.once ? runOnce(run) : stayUp(run))
  if (!values.once) return 0
  if (!summary) return interruptedCode
  console.log(JSON.stringify(summary))
  return summary.audit === 'balanced' ? 0 : 1
}

async function runOnce(run: Run) {
  await using everything = await startAll(run)
  const audit = await playAll(everything, run)
  if (audit) console.log(`${await funnelOf(everything, terminal())}\n${printAudit(audit)}`)
  if (run.signal.aborted) run.line.say('Stopped before the end; the next start finishes what is left.')
  else run.line.say('Stopping …')
  return audit && !run.signal.aborted ? await summaryOf(everything, audit) : undefined
}

async function stayUp(run: Run): Promise<undefined> {
  const { line } = run
  await using everything = await startAll(run)
  const audit = await playAll(everything, run)
  if (audit) {
    if (!process.stderr.isTTY) console.log(await funnelOf(everything, terminal()))
    console.log(printAudit(audit))
    line.say(await upText(everything))
  }
  await showFunnel(everything, run)
  line.say('Stopping …')
}

async function startAll({ config, line }: Run): Promise<Everything> {
  const level = config.logLevel === 'info' ? 'error' : config.logLevel
  line.say('Carillon is starting …')
  line.say(`  ${'data'.padEnd(partWidth)} ${config.dataDir}`)
  const log = createLog({ role: 'all', level })
  exitOnCrash(log)
  const everything = await startEverything({
    ...{ config, log, demo: true },
    onPart: ({ name, address }) => line.say(`  ${name.padEnd(partWidth)} ${address}`),
  })
  const [kept] = await everything.installation.db.query<{ n: number }>('select count(*)::int as n from admitted')
  if (kept!.n > 0)
    line.say(
      `\nFound ${kept!.n.toLocaleString('en')} intents of earlier starts. (Delete the data folder to begin anew.)`,
    )
  return everything
}

/** Plays the example to its end and compares the ledger with what was published; not when it was told to stop before. */
async function playAll(everything: Everything, run: Run): Promise<Audit | undefined> {
  const { config, line, signal } = run
  if (signal.aborted) return undefined
  line.say('\nPlaying what happened on GitHub to a community of 200 people …')
  line.show('  making the community known …')
  await using example = await openExample(everything, config)
  const since = everything.installation.clock.now()
  await example.play({
    run: randomUUID(),
    signal,
    onProgress: progress => line.show(`  ${progress.intents} intents stated …`),
  })
  await settle(everything, example, run)
  if (signal.aborted) return undefined
  const looks = await engage(everything, since)
  line.say(`Whether people looked is made up at fixed rates (${looks.toLocaleString('en')} facts), counted only by
  npm run carillon -- funnel --with-simulated\n`)
  return await example.audit()
}

/** No recorded data says whether people looked, so this is simulated, and marked. */
async function engage({ installation: { db, pubsub, prefix } }: Everything, since: number): Promise<number> {
  const events = pubsub.publisher(eventsTopicOf(prefix), { batchMessages: 50, batchMs: 5 })
  try {
    return await simulateEngagement(db, { since, publish: payload => events.publish(payload) })
  } finally {
    await events.close()
  }
}

async function settle({ installation }: Everything, example: Example, { line, signal }: Run): Promise<void> {
  const published = await example.published()
  const until = performance.now() + settleLimitMs
  while (!signal.aborted) {
    const journey = await journeyOf(installation, published)
    if (!isUnderWay(journey)) break
    if (performance.now() > until) {
      line.say(`Not waiting any longer for: ${progressOf(journey).trim()}`)
      break
    }
    line.show(progressOf(journey), process.stderr.isTTY ? await funnelOf({ installation }, screen()) : '')
    await sleep(refreshMs, undefined, { signal }).catch(() => {})
  }
  line.clear()
}

/** The funnel as it changes: on a terminal in its place, elsewhere again when it is another. */
async function showFunnel(everything: Everything, { line, signal }: Run): Promise<void> {
  let last = await funnelOf(everything, terminal())
  while (!signal.aborted) {
    if (process.stderr.isTTY)
      line.show(
        `Live at ${new Date(everything.installation.clock.now()).toLocaleTimeString('en-GB')}; ctrl-C stops`,
        await funnelOf(everything, screen()),
      )
    else {
      const now = await funnelOf(everything, terminal())
      if (now !== last) console.log(now)
      last = now
    }
    await sleep(liveMs, undefined, { signal }).catch(() => {})
  }
}

const screen = () => ({ ...terminal(), width: process.stderr.columns ?? 80 })

const funnelOf = async (
  { installation: { db } }: Pick<Everything, 'installation'>,
  shape: ReturnType<typeof terminal>,
): Promise<string> => printFunnel(await funnel(db), shape)

async function upText({ apiUrl, installation: { db, addressKey } }: Everything): Promise<string> {
  const [busiest] = await db.query<{ recipient: string }>(
    `select recipient from delivery_events where kind = 'decided' group by 1 order by count(*) desc, 1 limit 1`,
  )
  const rows = [
    ['ring a bell', `${apiUrl}/demo`],
    ['API and its page', `${apiUrl}/`],
    ['OpenAPI', `${apiUrl}/openapi.json`],
    ['health', `${apiUrl}/healthz`],
    ['readiness', `${apiUrl}/readyz`],
    ['metrics', `${apiUrl}/metrics`],
    ['dashboard', `${apiUrl}/dashboard#token=${await dashboardToken(db)}`],
    [
      'a person’s page',
      busiest
        ? pageUrlOf({ apiUrl, secret: addressKey, recipient: busiest.recipient })
        : 'npm run carillon -- page USER',
    ],
    ['why did … happen?', `npm run carillon -- trace ${busiest?.recipient ?? 'USER'}`],
    ['your own intents', 'npm run carillon -- token docs'],
  ]
  return [
    '\nUp. ctrl-C drains and stops everything.',
    ...rows.map(([what, how]) => `  ${what!.padEnd(partWidth)} ${how}`),
    '',
  ].join('\n')
}

/** One that this run's link bears; those of the runs before open nothing any more. */
async function dashboardToken(db: Everything['installation']['db']): Promise<string> {
  const producer = 'local-dashboard'
  await revokeProducerTokens(db, producer)
  return createProducerToken(db, { producer, types: [], scopes: ['analytics', 'trace'] })
}

const pageUrlOf = ({ apiUrl, secret, recipient }: { apiUrl: string; secret: string; recipient: string }): string =>
  `${apiUrl}/preferences/${pageLinkTokens([{ recipient }], { secret, now: systemClock.now() })[0]}`

/** All that the ledger holds, as the outcomes do: of this run and of those before. */
async function summaryOf({ installation: { db } }: Everything, audit: Audit) {
  const [row] = await db.query<{ intents: number; recipients: number }>(
    `select (select count(*) from admitted)::int as intents, count(*)::int as recipients
     from (select intent_id, recipient from deliveries union select intent_id, recipient from held) pairs`,
  )
  return { ...row!, outcomes: audit.outcomes, audit: audit.balanced ? 'balanced' : 'unbalanced' }
}
