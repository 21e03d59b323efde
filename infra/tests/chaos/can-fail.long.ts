import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import type { BatchId } from '#contracts/ids.ts'
import { ask } from '#producers/sdk/ask.ts'
import { withDeadline } from '#runtime/deadline.ts'
import { until } from '#runtime/link.fixture.ts'
import { mentioned, reminded, signedIn } from './catalogue.ts'
import type { Child } from './child.ts'
import { erase, evidenceOf, requestsOf, settle } from './evidence.ts'
import type { Mutant } from './mutants.ts'
import { judge } from './oracle.ts'
import { openPublisher, type Publisher } from './publisher.ts'
import { type CrewRole, type Rig, type Servers, startRig, startServers } from './rig.ts'
import { population, type Work } from './workload.ts'

const people = population(40)
/** A claim is lost soon, and nothing of the stories takes longer than its lease. */
const limits = { leaseMs: 10_000, startWithinMs: 4_000, callMs: 4_000 }
/** For what must happen while a lease lasts. */
const longLimits = { leaseMs: 60_000, startWithinMs: 40_000, callMs: 2_000 }
/** Each story gets there, on a busy machine later; only what is to be lost is not waited for as long. */
const settleLimitMs = 120_000
const lostLimitMs = 20_000
const hitLimitMs = 120_000

type Told = { rig: Rig; publisher: Publisher; erased: Map<string, number> }
/** What happens to an intent or some between two routers and two workers. */
type Story = (told: Told) => Promise<void>
type Rule = { mutant: Mutant; check: string; story: Story; limits?: typeof limits }

const rules: readonly Rule[] = [
  {
    mutant: 'no claim re-check',
    check: 'wishes',
    story: async ({ rig, publisher, erased }) => {
      await staff(rig, 'router')
      await publisher.publish([code(1), code(2), code(3)])
      const waiting = () => rig.query<{ n: number }>('select count(*)::int as n from batches where closed_at is null')
      await until(async () => (await waiting())[0]!.n > 0, 'batches wait for workers')
      for (const [id, at] of await erase(rig, ['r1', 'r2'])) erased.set(id, at)
      await staff(rig, 'worker')
    },
  },
  {
    mutant: 'no row lock',
    check: 'throttled',
    story: async ({ rig, publisher }) => {
      await staff(rig, 'router', 'worker')
      const works = Array.from({ length: 300 }, (_, n) => mention(n, people.people.slice(10, 20)))
      for (let at = 0; at < works.length; at += 10) await publisher.publish(works.slice(at, at + 10))
    },
  },
  {
    mutant: 'ack before commit',
    check: 'lost',
    story: async ({ rig, publisher }) => {
      await staff(rig, 'router', 'worker')
      await stopped(rig, { role: 'router', point: 'after insert before commit' }, () => publisher.publish([code(4)]))
    },
  },
  {
    mutant: 'no reconciler',
    check: 'lost',
    story: async ({ rig, publisher }) => {
      await staff(rig, 'router', 'worker')
      await stopped(rig, { role: 'router', point: 'after ack before enqueue' }, () => publisher.publish([code(5)]))
    },
  },
  { mutant: 'no fence', check: 'mistold', story: lateWorker },
  { mutant: 'no lease', check: 'duplicated', story: toldTwice, limits: longLimits },
  {
    mutant: 'no doubt',
    check: 'mistold',
    story: async ({ rig, publisher, erased }) => {
      await staff(rig, 'router', 'worker')
      await stopped(rig, { role: 'worker', point: 'after send before record' }, () => publisher.publish([reminder(7)]))
      for (const [id, at] of await erase(rig, ['r7'])) erased.set(id, at)
    },
  },
]

let servers: Servers
before(async () => void (servers = (await startServers('postgres'))!))
after(() => servers[Symbol.asyncDispose]())

test('as the pipeline is, no story breaks anything', async () => {
  const stories = rules.map(rule => rule.story)
  assert.deepEqual(await brokenBy(stories, { limitMs: settleLimitMs }), {})
})

for (const { mutant, check, story, limits } of rules)
  test(`with ${mutant}: "${check}" turns red`, async () => {
    const limitMs = check === 'lost' ? lostLimitMs : settleLimitMs
    const broken = await brokenBy([story], { mutant, limitMs, limits })
    assert.ok(broken[check], `broken is ${JSON.stringify(broken)}`)
  })

type Way = { mutant?: Mutant; limitMs: number; limits?: typeof limits | undefined }

/** Plays one story after the other; the next begins when nothing of the last one is on its way. */
async function brokenBy(
  stories: readonly Story[],
  { mutant, limitMs, ...way }: Way,
): Promise<Record<string, string[]>> {
  const linesBefore = (await requestsOf(servers)).length
  await using rig = await startRig(servers, { population: people, limits: way.limits ?? limits, mutant })
  await using publisher = openPublisher(rig)
  const erased = new Map<string, number>()
  const { told } = publisher
  for (const story of stories) {
    await story({ rig, publisher, erased })
    await settle(rig, { told, endMs: performance.now() + limitMs })
  }
  return judge(await evidenceOf(rig, { told, people, erased, graceMs: 0, linesBefore })).broken
}

/** Two of each role. */
async function staff(rig: Rig, ...roles: CrewRole[]): Promise<void> {
  const missing = roles.flatMap(role => Array.from({ length: 2 - rig.all(role).length }, () => role))
  await Promise.all(missing.map(role => rig.hire(role)))
}

type Stop = { role: CrewRole; point: string }

/** Whichever process of the role comes to the point first is ended there; the other one goes on. */
async function stopped(rig: Rig, { role, point }: Stop, by: () => Promise<void>): Promise<void> {
  await rig.dismiss(await standing(rig, { role, point }, by))
}

async function standing(rig: Rig, { role, point }: Stop, by: () => Promise<void>): Promise<Child> {
  const all = rig.all(role)
  const hit = Promise.any(all.map(child => child.reaches(point).then(() => child)))
  await by()
  const child = await withDeadline(hit, { ms: hitLimitMs, what: `a ${role} to stand at "${point}"` })
  for (const other of all) if (other !== child) other.disarm(point)
  return child
}

/** A worker that stands still until another has taken its batch over, and then wants to write down what it was told. */
async function lateWorker({ rig, publisher }: Told): Promise<void> {
  await staff(rig, 'router', 'worker')
  await fetch(`http://127.0.0.1:${servers.ports.control}/script`, {
    method: 'POST',
    body: JSON.stringify({ provider: 'twilio', address: numberOf(6), answer: '21617', times: 1 }),
  })
  const late = await standing(rig, { role: 'worker', point: 'after send before record' }, () =>
    publisher.publish([reminder(6)]),
  )
  const ended = async () => {
    const [row] = await rig.query<{ id: BatchId; outcomes: number[] | null; packs: number }>(
      `select id, outcomes, (select count(*)::int from event_packs where pack = b.id || '/settled') as packs
       from batches b where provider = 'twilio' and recipients[1] = 'r6' order by id limit 1`,
    )
    return row?.packs === 1 ? { batch: row.id, outcome: row.outcomes?.[0] } : undefined
  }
  await until(async () => (await ended()) !== undefined, 'another worker has ended the delivery')
  const { batch, outcome } = (await ended())!
  late.go()
  const overwritten = async () => (await ended())?.outcome !== outcome
  await until(async () => (await fenced(rig, batch)) || (await overwritten()), 'the late worker has spoken')
}

/** A worker that stands still with a batch when another hears of the batch again; it goes on when the batch is closed. */
async function toldTwice({ rig, publisher }: Told): Promise<void> {
  await staff(rig, 'router', 'worker')
  const busy = await standing(rig, { role: 'worker', point: 'after claim' }, () => publisher.publish([reminder(8)]))
  const [batch] = await rig.query<{ id: BatchId }>(
    `select id from batches where provider = 'twilio' and recipients[1] = 'r8'`,
  )
  await rig.installation.queues.add({ lane: 'default', channel: 'sms' }, [{ batchId: batch!.id, n: 99 }])
  const closed = () => rig.query('select from batches where id = $1 and closed_at is not null', [batch!.id])
  await until(async () => (await closed()).length === 1, 'another worker has closed the batch')
  busy.go()
  await until(() => fenced(rig, batch!.id), 'the first worker has come too late to write anything down')
}

async function fenced(rig: Rig, batch: string): Promise<boolean> {
  const lines = (await readFile(rig.servers.log.file, 'utf8')).split('\n')
  return lines.some(line => line.includes('another worker took the batch over') && line.includes(batch))
}

const numberOf = (n: number) => people.people[n]!.endpoints.find(endpoint => endpoint.channel === 'sms')!.address
const code = (n: number): Work => ({
  ask: ask(signedIn, { to: [`r${n}`], data: { about: `code ${n}` }, key: `code ${n}` }),
  type: signedIn.type,
  about: `code ${n}`,
  recipients: [`r${n}`],
})
const reminder = (n: number): Work => ({
  ask: ask(reminded, { to: [`r${n}`], data: { about: 'a reminder' }, key: `reminder ${n}` }),
  type: reminded.type,
  about: 'a reminder',
  recipients: [`r${n}`],
})
function mention(n: number, among: readonly { id: string }[]): Work {
  const recipients = among.filter((_, at) => (at + n) % 5 < 2).map(person => person.id)
  const about = `mention ${n}`
  return {
    ask: ask(mentioned, { to: recipients, data: { about }, key: about }),
    type: mentioned.type,
    about,
    recipients,
  }
}
