import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { createPublicKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { webhooksApi } from '#channels/receipts/webhooks.ts'
import { createWorld, device, mailbox } from '#channels/world.fixture.ts'
import { resendDoubts } from '#ledger/doubts.ts'
import { markEnqueued, unqueuedBatches } from '#ledger/ready.ts'
import type { LoggedRequest } from '#local/simulators/request-log.ts'
import { screenOf } from '#local/simulators/screen.ts'
import { setup as startSimulators } from '#local/simulators/test-setup.ts'
import { enqueue } from '#router/router.ts'
import { createHttp, listen } from '#runtime/http.ts'
import { openQueues } from '#runtime/queues.ts'
import { until } from '../program.ts'
import { policies, secret, type Setup } from './killed-worker.ts'

const publicUrl = 'https://bell.example'
const providers = { sms: 'twilio', email: 'sendgrid', fcm: 'fcm', apns: 'apns' } as const
const channelOf = { sms: 'sms', email: 'email', fcm: 'push', apns: 'push' } as const
const perBatch = 5
/** People of each policy, each with a number, a mailbox and two devices of their own. */
const people = 20
/**
 * When a worker is killed: after so many of its batches were answered for. With a long stand none of them is written down,
 * and there are some of each channel; with a short one others are under way.
 */
const kills: { standMs: number; answered: number }[] = [
  { standMs: 60_000, answered: 9 },
  { standMs: 50, answered: 2 },
  { standMs: 60_000, answered: 9 },
  { standMs: 0, answered: 4 },
]
/** What a killed process had written to its sockets is taken in this time. */
const quietMs = 300

const addressOf = {
  sms: (n: number) => `+1555${String(1_000_000 + n)}`,
  email: (n: number) => `p${n}@example.com`,
  fcm: (n: number) => `token-${n}`,
  apns: (n: number) => n.toString(16).padStart(64, 'b'),
}

/** A ledger with work for workers, the simulators, and the API that they report to. */
async function setup() {
  await using opened = new AsyncDisposableStack()
  const world = opened.use(await createWorld())
  const { db, deps } = world
  const simulators = opened.use(await startSimulators())
  const prefix = `killed-${randomBytes(4).toString('hex')}`
  const queues = opened.use(await openQueues({ postgresUrl: world.url, prefix, onError: () => {} }))
  const app = createHttp({ log: deps.log, metrics: deps.metrics, bodyLimitBytes: 1024 * 1024 })
  const { sendgrid, twilio } = simulators.credentials
  opened.use(
    webhooksApi(app, {
      ...{ ...deps, addressKey: secret, secret },
      replies: { brand: 'Acme' },
      trust: {
        twilio: { url: () => `${publicUrl}/webhooks/twilio`, tokens: [twilio.authToken] },
        sendgrid: { keys: [createPublicKey(sendgrid.webhook.publicKey)] },
      },
    }),
  )
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  simulators.receipts.pointTo({ sendgrid: `${url}/webhooks/sendgrid`, twilio: url })
  const { credentials, ports, log } = simulators
  const child: Omit<Setup, 'standMs'> = { databaseUrl: world.url, prefix, publicUrl, credentials, ports }
  const accepted = () => log.entries().filter(line => line.accepted)
  const running = opened.move()
  return {
    ...{ ...world, accepted },
    hire: async (standMs = 0) => running.use(await hire({ ...child, standMs })),
    /** The scheduler's part: what is ready comes on its queue. */
    async offer() {
      const ready = await unqueuedBatches(db, { lane: 'default', limit: 1_000 })
      await markEnqueued(db, ready)
      await enqueue(ready, { db, queues, log: deps.log })
    },
    /** Nobody works any more: whatever was taken is reported of and believed, and leases and waits are over. */
    async calm() {
      for (let before = -1; before !== accepted().length;) {
        before = accepted().length
        await sleep(quietMs)
      }
      const reporting = accepted().filter(({ provider }) => provider === 'twilio' || provider === 'sendgrid')
      const events = () => simulators.receipts.posted().reduce((sum, one) => sum + one.receipts.length, 0)
      await until(() => events() >= reporting.length * 2)
      await until(async () => (await db.query('select from receipts where applied_at is null')).length === 0)
      await world.lapse()
      await db.query('update batches set due_at = now(), enqueued_at = null where closed_at is null')
      await resendDoubts(db, { limit: 1_000 })
      await queues.flush()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Worker = AsyncDisposable & { child: ChildProcess; kill(): Promise<void> }

async function hire(setup: Setup): Promise<Worker> {
  const child = fork(path.join(import.meta.dirname, 'killed-worker.ts'))
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  child.send(setup)
  const exit = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`a worker ended with ${code} at its start`)),
  )
  exit.catch(() => {})
  await Promise.race([once(child, 'message'), exit])
  return { child, kill, [Symbol.asyncDispose]: kill }
}

type Ways = keyof typeof providers
const ways = Object.keys(providers) as Ways[]

test('workers killed while they send: no mail and no text twice, one of each push on the screen, doubts as the type says', async () => {
  await using world = await setup()
  for (const [at, policy] of policies.entries()) {
    const numbers = Array.from({ length: people }, (_, n) => at * people + n)
    for (const n of numbers)
      await world.addPerson(`p${n}`, {
        endpoints: [
          device(addressOf.sms(n), { id: 'sms', channel: 'sms', provider: 'twilio' }),
          { ...mailbox(addressOf.email(n)), id: 'email' },
          device(addressOf.fcm(n), { id: 'fcm' }),
          device(addressOf.apns(n), { id: 'apns', provider: 'apns' }),
        ],
      })
    for (const way of ways)
      for (let from = 0; from < people; from += perBatch)
        await world.write({
          ...{ channel: channelOf[way], provider: providers[way] },
          to: numbers.slice(from, from + perBatch).map(n => {
            const recipient = `p${n}`
            return { recipient, endpoint: way, key: `${policy} ${way} ${from}`, type: `test.${policy}` }
          }),
        })
  }

  await world.calm()
  for (const { standMs, answered } of kills) {
    const worker = await world.hire(standMs)
    let sent = 0
    worker.child.on('message', () => sent++)
    await world.offer()
    await until(() => sent >= answered)
    await worker.kill()
    await world.calm()
  }
  await world.hire()
  await until(async () => {
    await world.offer()
    // What is in doubt waits for its receipt: whatever was taken has been reported of.
    if ((await world.db.query('select from batches where closed_at is null and doubt')).length > 0) await world.calm()
    return (await world.open()).length === 0
  })

  const lines = world.accepted()
  const taken = Map.groupBy(lines, line => line.address)
  const ends = await endsOf(world.db)
  assert.equal(ends.size, policies.length * people * ways.length, 'each delivery ends once')
  for (const [at, policy] of policies.entries())
    for (let n = at * people; n < (at + 1) * people; n++)
      for (const way of ways) {
        const end = ends.get(`p${n} ${way}`)
        const times = taken.get(addressOf[way](n))?.length ?? 0
        const what = `${policy}, ${way}: ${end}, taken ${times} times`
        if (channelOf[way] !== 'push') assert.equal(times, end === 'sent' ? 1 : 0, what)
        else assert.equal(screenOf(lines, addressOf[way](n)).shown.length, times > 0 ? 1 : 0, what)
        // What may not come twice, and of which nobody has heard, is told as what it is.
        if (policy === 'never')
          assert.ok(
            end === 'sent' || (end === 'in_doubt' && (way === 'email' || way === 'sms' ? times === 0 : times <= 1)),
            what,
          )
        else assert.equal(end, 'sent', what)
      }
  const doubtful = await world.db.query<{ channel: number }>(
    `select distinct channel from batches where maybe_sent and closed_at is not null order by channel`,
  )
  assert.equal(doubtful.length, 3, 'something of each channel was in doubt')
  assert.ok(again(lines, 'fcm') + again(lines, 'apns') > 0, 'pushes that a lost worker had sent were sent again')
})

/** `sent` or `in_doubt` by recipient and endpoint. */
async function endsOf(db: Awaited<ReturnType<typeof createWorld>>['db']): Promise<Map<string, string>> {
  const rows = await db.query<{ who: string; outcome: number }>(
    `select recipient || ' ' || endpoint as who, outcome from deliveries where outcome <> 0`,
  )
  assert.equal(new Set(rows.map(row => row.who)).size, rows.length, 'no delivery has two outcomes')
  const names: Readonly<Record<number, string>> = { 1: 'sent', 26: 'in_doubt' }
  return new Map(rows.map(({ who, outcome }) => [who, names[outcome] ?? `outcome ${outcome}`]))
}

/** Messages that a provider took beyond the first to each address. */
function again(lines: readonly LoggedRequest[], provider: string): number {
  const mine = lines.filter(line => line.provider === provider)
  return mine.length - new Set(mine.map(line => line.address)).size
}
