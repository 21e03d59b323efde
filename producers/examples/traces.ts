import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { z } from 'zod'
import { type Catalogue, catalogueOf, type Duration } from '#contracts/catalogue.ts'
import type { EpochMs } from '#contracts/ids.ts'
import { type Ask, ask } from '../sdk/ask.ts'
import { defineNotification } from '../sdk/define-notification.ts'

/** What a replay may try on a trace. */
export type TracePolicies = {
  /** Once per recipient and thread within this time. */
  dedupe?: Duration
  /** Per recipient. */
  throttle?: { limit: number; per: Duration }
}

/** The one type of a replay: in-app, no expiry; a recipient's quiet hours hold it. */
const traceEvent = ({ dedupe, throttle }: TracePolicies = {}) =>
  defineNotification({
    type: 'trace.event',
    category: 'trace',
    lane: 'default',
    owner: 'replay',
    value: 3,
    schema: z.object({ event: z.string() }),
    // A dedupe window is the recipient's own, so the thread alone is its key.
    dedupe: dedupe && { key: (_data, { thread = '' }) => thread, within: dedupe },
    throttle,
    quietHours: 'all',
    deliver: [{ channel: 'in_app' }],
    templates: { en: { in_app: ({ data, thread = '' }) => ({ title: data.event, body: thread }) } },
  })

export const traceCatalogue = (policies: TracePolicies = {}): Catalogue =>
  catalogueOf('trace-1', [traceEvent(policies)])

export type TraceEvent = {
  key: string
  event: string
  occurredAt: EpochMs
  actor: string
  to: { id: string; reason: string }[]
  thread: string
}

/** What a replay says for an event: in the trace's own time, and one after the other. */
export const traceAsk = ({ event, ...said }: TraceEvent): Ask =>
  ask(anyTraceEvent, { ...said, data: { event }, orderingKey: 'trace' })

const anyTraceEvent = traceEvent()

const line = z.object({
  id: z.string(),
  ts: z.iso.datetime({ offset: true }),
  type: z.string(),
  actor: z.string(),
  recipients: z.array(z.object({ user: z.string(), reason: z.string() })),
  thread: z.string(),
})

/**
 * Reads a trace, one event a line (`{id, ts, type, actor, recipients: [{user, reason}], thread}`), gzipped when its name ends
 * in .gz. Streams: memory does not grow with the file. With `onlyReason`, only recipients named for that reason, and only
 * events that have one. Throws at a line that is no event, with its number.
 */
export async function* readTrace(
  file: string,
  { onlyReason }: { onlyReason?: string } = {},
): AsyncGenerator<TraceEvent> {
  const raw = createReadStream(file)
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  // pipe does not pass errors on: without this a missing file would wait for ever.
  raw.on('error', error => input.destroy(error))
  let number = 0
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      const event = eventOf(text, `${file}:${number}`)
      const to = onlyReason === undefined ? event.to : event.to.filter(({ reason }) => reason === onlyReason)
      if (to.length > 0) yield { ...event, to }
    }
  } finally {
    raw.destroy()
  }
}

/** A file that is no trace. */
export class TraceError extends Error {}

function eventOf(text: string, where: string): TraceEvent {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new TraceError(`${where} is not JSON: a trace has one event a line`)
  }
  const read = line.safeParse(json)
  if (!read.success) throw new TraceError(`${where} is not an event of a trace: ${z.prettifyError(read.error)}`)
  const { id, ts, type, actor, recipients, thread } = read.data
  const to = recipients.map(({ user, reason }) => ({ id: user, reason }))
  return { key: id, event: type, occurredAt: Date.parse(ts), actor, to, thread }
}
