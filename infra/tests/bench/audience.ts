import { setTimeout as sleep } from 'node:timers/promises'
import { createNotifier } from '#producers/sdk/notifier.ts'
import { catalogue, typeOf } from './catalogue.ts'
import { startChild } from './child.ts'
import { cpuOfTree, peakMemoryMb } from './cpu.ts'
import { startMachine } from './machine.ts'
import { bodyOf, title } from './mix.ts'
import { prefix } from './setup.ts'

export type AudienceResult = { members: number; seconds: number; router_us: number; peak_mb: number }

/** The router may hold no more, however large the audience. */
export const peakMaxMb = 300
/** As a container would be run: without a limit V8 lets garbage lie while the machine has memory. */
export const heapFlags = ['--max-old-space-size=512', '--max-semi-space-size=16']
const pollMs = 500

/** Routes one intent to a large audience in a router process of its own; nothing is delivered. */
export async function routeAudience(members: number, progress: (line: string) => void): Promise<AudienceResult> {
  await using machine = await startMachine()
  const { db, setup } = machine
  progress(`making an audience of ${members} …`)
  await db.query(
    `insert into recipients (id, endpoints)
     select 'member-' || p, '[{"id":"device","channel":"push","provider":"fcm","address":"token-' || p || '","state":"active","since":0}]'
     from generate_series(1, $1::int) p`,
    [members],
  )
  await db.query(
    `insert into audience_members (audience, recipient) select 'everybody', 'member-' || p from generate_series(1, $1::int) p`,
    [members],
  )
  await db.query('vacuum analyze recipients, audience_members')
  await using router = await startChild('router', machine.setupFor('router'), heapFlags)
  await using notifier = createNotifier({
    ...{ producer: 'bench', catalogue },
    pubsub: { projectId: setup.projectId, emulator: setup.pubsub, prefix },
  })
  const before = cpuOfTree(router.pid)
  const begunMs = performance.now()
  await notifier.notifyMany([
    {
      type: typeOf('push', 'plain'),
      options: { to: [{ audience: 'everybody' }], key: 'all', data: { n: 1, title, body: bodyOf(1) } },
    },
  ])
  for (let routed = 0, shown = 0; routed < members; await sleep(pollMs)) {
    const [row] = await db.query<{ n: string }>('select coalesce(sum(delivering), 0) as n from sets')
    routed = Number(row!.n)
    if (routed - shown >= members / 10)
      progress(`${(shown = routed)} of ${members} routed, peak ${peakMemoryMb(router.pid)} MB`)
  }
  return {
    members,
    seconds: Math.round((performance.now() - begunMs) / 100) / 10,
    router_us: Math.round(((cpuOfTree(router.pid) - before) / members) * 10) / 10,
    peak_mb: peakMemoryMb(router.pid),
  }
}
