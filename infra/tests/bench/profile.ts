import { type Profiler, Session } from 'node:inspector/promises'
import type { Part } from './setup.ts'

/** What a process spends its CPU on, as the report names it. */
export const works = [
  'Pub/Sub',
  'decide',
  'ledger',
  'queue',
  'render',
  'client library',
  'record',
  'events',
  'other',
] as const
export type Work = (typeof works)[number]
export type Shares = { [W in Work]?: number }

let session: Session | undefined

export async function beginProfile(): Promise<void> {
  session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 500 })
  await session.post('Profiler.start')
}

/** Shares of the busy time by work: each sample counts for the innermost frame whose file says whose work it is. */
export async function endProfile(part: Part): Promise<Shares> {
  const { profile } = await session!.post('Profiler.stop')
  session!.disconnect()
  return sharesOf(profile, part)
}

const driver = /node_modules\/(pg|pg-.*|postgres-.*)\//
/** First match wins, from the innermost frame outwards. Where a role is named the file means another work there. */
const owners: readonly { path: RegExp; work: Work; role?: Part }[] = [
  { path: /infra\/ledger\/outbox\.ts|^.*\/analytics\/|pg-copy-streams|infra\/contracts\/event/, work: 'events' },
  { path: driver, work: 'events', role: 'sink' },
  { path: driver, work: 'decide', role: 'baseline-router' },
  { path: driver, work: 'events', role: 'baseline-worker' },
  { path: /node_modules\/(bullmq|ioredis|msgpackr|@ioredis|redis-parser)\/|infra\/runtime\/queue/, work: 'queue' },
  { path: /node_modules\/(@google-cloud|google-gax|@grpc|protobufjs|@protobufjs|long)\//, work: 'Pub/Sub' },
  { path: /infra\/runtime\/pubsub|router\/collect/, work: 'Pub/Sub' },
  { path: /channels\/(push|email|sms|in-app)\/|channels\/send\.ts/, work: 'client library' },
  {
    path: /node_modules\/(firebase-admin|@parse|apn|@sendgrid|twilio|axios|google-auth|jsonwebtoken|form-data|follow-redirects|qs)/,
    work: 'client library',
  },
  { path: /channels\/(render|recheck)\.ts|infra\/tests\/bench\/catalogue/, work: 'render' },
  { path: /channels\/(settle|marks|deliver)\.ts/, work: 'record' },
  { path: /infra\/ledger\/claim|node_modules\/(pg|pg-.*|postgres-.*)\/|infra\/ledger/, work: 'record', role: 'worker' },
  { path: /preferences\//, work: 'render', role: 'worker' },
  { path: /infra\/ledger\/|node_modules\/(pg|pg-.*|postgres-.*)\//, work: 'ledger' },
  { path: /router\/|preferences\/|infra\/contracts\//, work: 'decide' },
  { path: /^node:internal\/(http2|tls|_tls|js_stream)|^node:_tls|^node:_http/, work: 'client library', role: 'worker' },
  { path: /^node:internal\/http2/, work: 'Pub/Sub' },
]

/** A process that waits for its turn is sampled, too: only shares can be told from samples, not microseconds. */
function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, part: Part): Shares {
  const parents = new Map(nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id] as const)))
  const byId = new Map(nodes.map(node => [node.id, node]))
  const works = new Map(nodes.map(({ id }) => [id, workOf(id)]))
  function workOf(id: number): Work | 'none' {
    const { functionName, url } = byId.get(id)!.callFrame
    if (functionName === '(idle)' || url === 'node:inspector') return 'none'
    if (functionName === '(garbage collector)') return 'other'
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { url } = byId.get(at)!.callFrame
      const owner = owners.find(one => (one.role ?? part) === part && one.path.test(url))
      if (owner) return owner.work
    }
    return 'other'
  }
  const shares: Shares = {}
  let busy = 0
  samples.forEach((id, at) => {
    const work = works.get(id)!
    if (work === 'none') return
    shares[work] = (shares[work] ?? 0) + timeDeltas[at]!
    busy += timeDeltas[at]!
  })
  for (const work of Object.keys(shares) as Work[]) shares[work]! /= busy
  return shares
}
