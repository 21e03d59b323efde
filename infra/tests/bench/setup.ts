import type { Lane, Transport } from '#contracts/channel.ts'
import type { ClientName, Way } from './client-ways.ts'
import type { Shares } from './profile.ts'
import type { SimulatorPorts } from '#local/simulators/server.ts'

/** Processes of the benchmark besides the servers; each has its own, so that its CPU is its own. */
export const parts = [
  ...(['pubsub', 'simulators', 'baseline-router', 'baseline-worker'] as const),
  ...(['router', 'worker', 'sink', 'client'] as const),
  ...(['api', 'readers'] as const),
] as const
export type Part = (typeof parts)[number]

/** Where everything is. What a part does not need may be missing. */
export type Setup = {
  folder: string
  databaseUrl: string
  redisUrl: string
  projectId: string
  pubsub: string
  ports: SimulatorPorts
  /** Those that a pipeline role serves; the default one when not said. */
  lanes?: readonly Lane[]
  /** How many requests the simulators remember; none when not said. */
  keepRequests?: number
}

export const prefix = 'bench'
export const baselineNames = { topic: 'baseline', subscription: 'baseline-router' }

/** Who listens to the n-th stream. */
export const nameOfReader = (n: number): string => `reader-${n}`

/** How a process of the benchmark finds the installation. */
export const installationOptions = ({ databaseUrl, redisUrl, projectId, pubsub: emulator }: Setup) => ({
  addresses: { databaseUrl, databaseDirectUrl: databaseUrl, redisUrl, pubsub: { projectId, emulator }, prefix },
  addressKey: 'of the benchmark',
})

/** Sent by the benchmark to a part. */
export type Order =
  | { kind: 'start'; setup: Partial<Setup> }
  | { kind: 'profile' }
  | { kind: 'profiled' }
  | { kind: 'transport'; transport: Transport }
  | { kind: 'send'; client: ClientName; way: Way; count: number }
  | { kind: 'listen'; url: string; count: number }
  | { kind: 'heard'; count: number }
/** What a part answers: where it listens when it is ready, what its profile says when one is asked for. */
export type Reply =
  | { kind: 'ready'; pubsub?: string; ports?: SimulatorPorts; url?: string }
  | { kind: 'profile'; shares: Shares }
  | { kind: 'sent'; cpuUs: number }
  | { kind: 'heard'; streams: number; items: number; p50Ms: number; p99Ms: number }
  | { kind: 'failed'; problem: string }
