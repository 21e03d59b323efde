import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { inboxProvider } from '#channels/in-app/inbox.ts'
import type { OutMessage } from '#channels/provider.ts'
import { openInstallation } from '#cli/installation.ts'
import { attemptId, deliveryId, intentId, newBatchId, type RecipientId } from '#contracts/ids.ts'
import { createLog } from '#runtime/log.ts'
import { catalogue, typeOf } from './catalogue.ts'
import { type Child, startChild } from './child.ts'
import { memoryMb, peakMemoryMb } from './cpu.ts'
import { type Machine, startMachine } from './machine.ts'
import { installationOptions, nameOfReader } from './setup.ts'

/** Streams that one API process holds, the memory of that process, and milliseconds from a worker's send to the reader. */
export type InboxResult = {
  streams: number
  kb_per_stream: number
  /** Of the process: without a stream, and the most it ever held. */
  empty_mb: number
  peak_mb: number
  items: number
  p50_ms: number
  p99_ms: number
}

const deliverS = 20
const lotsPerS = 10
/** Of a process besides its streams: its own connections, files, pipes. */
const otherFiles = 200

/** Thrown where a process may not open as many files as there would be streams. */
export class FewFiles extends Error {}

/** Opens so many streams, each of another person, at one API process, and then gives each person one item at a steady rate. */
export async function inboxStreams(count: number, progress: (line: string) => void): Promise<InboxResult> {
  checkOpenFiles(count + otherFiles)
  await using machine = await startMachine()
  await using api = await startChild('api', machine.setupFor('api'))
  await using readers = await startChild('readers', machine.setup)
  const emptyMb = memoryMb(api.pid)
  progress(`opening ${count} streams …`)
  await ask(readers, { kind: 'listen', url: api.ready.url!, count })
  const heldMb = memoryMb(api.pid)
  progress(`one item to each of them within ${deliverS} s …`)
  await deliverToAll(machine, count)
  const { streams, items, p50Ms, p99Ms } = await ask(readers, { kind: 'heard', count })
  return {
    ...{ streams, kb_per_stream: Math.round(((heldMb - emptyMb) * 1024) / count) },
    ...{ empty_mb: Math.round(emptyMb), peak_mb: peakMemoryMb(api.pid), items },
    ...{ p50_ms: Math.round(p50Ms * 10) / 10, p99_ms: Math.round(p99Ms * 10) / 10 },
  }
}

/** Node takes as many as it may have (the hard limit) by itself. */
function checkOpenFiles(needed: number): void {
  const allowed = /Max open files\s+\S+\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  if (Number(allowed) < needed)
    throw new FewFiles(`bench: a process may open ${allowed} files here, and needs ${needed}: ulimit -Hn ${needed}`)
}

async function ask(readers: Child, order: Parameters<Child['order']>[0]) {
  readers.order(order)
  const reply = await readers.next()
  if (reply.kind !== 'heard') throw new Error(`the readers said ${reply.kind} when asked to ${order.kind}`)
  return reply
}

/** As a worker does it, in another process than the API; each item says when it was sent. */
async function deliverToAll({ setup }: Machine, count: number): Promise<void> {
  await using installation = await openInstallation({
    ...installationOptions(setup),
    ...{ catalogue, log: createLog({ role: 'bench', level: 'error' }) },
  })
  const provider = inboxProvider(installation.db, installation.signals.tell)
  const lots = deliverS * lotsPerS
  const startMs = performance.now()
  const sends: Promise<unknown>[] = []
  for (let lot = 0; lot < lots; lot++) {
    await sleep(Math.max(0, startMs + (lot * 1000) / lotsPerS - performance.now()))
    const [from, to] = [Math.floor((lot * count) / lots), Math.floor(((lot + 1) * count) / lots)]
    const messages = Array.from({ length: to - from }, (_, i) => itemFor(from + i))
    const options = { lane: 'default' as const, now: installation.clock.now(), deadlineMs: 60_000 }
    if (messages.length > 0) sends.push(provider.send(messages, options))
  }
  await Promise.all(sends)
}

/** What an inbox looks at of a message. Its body is the instant by the machine's monotonic clock. */
function itemFor(n: number): OutMessage<'in_app'> {
  const recipient = nameOfReader(n) as RecipientId
  const id = intentId({ producer: 'bench', key: `item-${n}` })
  return {
    ...{ recipient, reason: 'mention', deliveryId: deliveryId({ intent: id, recipient, endpoint: 'inbox' }) },
    ...{ place: 0, attemptId: attemptId({ batch: newBatchId(), slot: 0 }) },
    intent: { id, type: typeOf('in_app', 'plain'), occurredAt: Date.now() },
    content: { title: 'An item', body: String(process.hrtime.bigint()) },
  } as OutMessage<'in_app'>
}
