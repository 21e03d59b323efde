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

let session: Session | undefined

export async function beginProfile(): Promise<void> {
  session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 500 })
  await session.post('Profiler.start')
}

/** Microseconds by work: each sample counts for the innermost frame whose file says whose work it is. */
export async function endProfile(part: Part): Promise<Record<string, number>> {
  const { profile } = await session!.post('Profiler.stop')
  session!.disconnect()
  return selfTimes(profile, part)
}

/** First match wins, from the innermost frame outwards. Where a role is named the file means another work there. */
const owners: readonly { path: RegExp; work: Work; role?: Part }[] = [
  { path: /infra\/ledger\/outbox\.ts|^.*\/analytics\/|pg-copy-streams|infra\/contracts\/event/, work: 'events' },
  { path: /node_modules\/(pg|pg-.*|postgres-.*)\//, work: 'events', role: 'sink' },
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

function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, part: Part): Record<string, number> {
  const parents = new Map(nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id] as const)))
  const byId = new Map(nodes.map(node => [node.id, node]))
  const workOf = new Map<number, string>()
  const find = (id: number): string => {
    const leaf = byId.get(id)!.callFrame.functionName
    if (leaf === '(idle)') return 'idle'
    if (leaf === '(garbage collector)') return 'other'
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { url } = byId.get(at)!.callFrame
      const owner = owners.find(one => (one.role ?? part) === part && one.path.test(url))
      if (owner) return owner.work
    }
    return 'other'
  }
  const times: Record<string, number> = {}
  samples.forEach((id, at) => {
    let work = workOf.get(id)
    if (work === undefined) workOf.set(id, (work = find(id)))
    times[work] = (times[work] ?? 0) + (timeDeltas[at] ?? 0)
  })
  return times
}
