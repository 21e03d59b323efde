import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import type { Queryable } from './postgres.ts'

/**
 * Hints between processes: that something of these ids has changed. They may be lost, and say nothing of what changed: who
 * hears them looks, and looks now and then without. Ids hold no control characters.
 */
export type Signals = AsyncDisposable & {
  /** Tells every process, this one too, together with whatever else is told within some 20 ms. Never rejects. */
  tell: (ids: readonly string[]) => void
  /** Hears from now on, also after the store was away. Once. */
  hear: (onIds: OnIds) => void
}
type OnIds = (ids: readonly string[]) => void

export type SignalOptions = {
  /** Of this subject alone: letters, digits, `_`, `-`. */
  name: string
  onError: (error: unknown) => void
}

const coalesceMs = 20
/** A notification of PostgreSQL holds less than 8,000 bytes. */
const payloadBytesMax = 7_900
const unit = '\u001f'
const reconnectMs = 1_000
const connectLimitMs = 10_000
const commandLimitMs = 1_000

/** By NOTIFY on the pool, never in a transaction of others (its commit takes a lock of the whole server), and LISTEN on a connection of its own. */
export function postgresSignals(
  { db, directUrl }: { db: Queryable; directUrl: string },
  { name, onError }: SignalOptions,
): Signals {
  const teller = tellerOf(
    payloads => db.query('select pg_notify($1, p) from unnest($2::text[]) as p', [name, payloads]),
    onError,
  )
  const closing = new AbortController()
  let listening: Promise<void> | undefined
  const listen = async (onIds: OnIds) => {
    while (!closing.signal.aborted) {
      await listenOnce(directUrl, { name, onIds, signal: closing.signal }).catch(onError)
      await sleep(reconnectMs, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
  return {
    tell: teller.tell,
    hear: onIds => void (listening = listen(onIds)),
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([teller.end(), listening])
    },
  }
}

/** Resolves when the connection is gone. */
async function listenOnce(
  url: string,
  { name, onIds, signal }: { name: string; onIds: OnIds; signal: AbortSignal },
): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectLimitMs, keepAlive: true })
  // What is wrong with it ends it.
  client.on('error', () => {})
  client.on('notification', ({ payload = '' }) => onIds(payload.split(unit)))
  const gone = once(client, 'end')
  // What ends it before anybody waits for that is told by what fails then.
  gone.catch(() => {})
  const over = new AbortController()
  const stopped = once(signal, 'abort', { signal: over.signal })
  stopped.catch(() => {})
  try {
    await client.connect()
    await client.query(`listen "${name}"`)
    await Promise.race([gone, stopped])
  } finally {
    over.abort()
    await client.end()
  }
}

/** By Redis pub/sub, which reaches all nodes of a cluster. */
export function redisSignals(url: string, { name, onError }: SignalOptions): Signals {
  let closing = false
  const options = {
    connectTimeout: connectLimitMs,
    maxRetriesPerRequest: 1,
    retryStrategy: (times: number) => (closing ? null : Math.min(times * 100, reconnectMs)),
  }
  const publisher = new Redis(url, { ...options, commandTimeout: commandLimitMs, enableOfflineQueue: false })
  publisher.on('error', onError)
  const teller = tellerOf(payloads => Promise.all(payloads.map(payload => publisher.publish(name, payload))), onError)
  let subscriber: Redis | undefined
  return {
    tell: teller.tell,
    hear(onIds) {
      // Subscribes again by itself whenever it is connected again.
      subscriber = new Redis(url, { ...options, maxRetriesPerRequest: null })
      subscriber.on('error', onError)
      subscriber.on('message', (_channel, payload) => onIds(payload.split(unit)))
      subscriber.subscribe(name).catch(onError)
    },
    async [Symbol.asyncDispose]() {
      closing = true
      await teller.end()
      publisher.disconnect()
      subscriber?.disconnect()
    },
  }
}

/** Collects ids for a moment and sends them in as few payloads as hold them, one sending at a time. */
function tellerOf(send: (payloads: string[]) => Promise<unknown>, onError: (error: unknown) => void) {
  let waiting = new Set<string>()
  let sending: Promise<void> | undefined
  const run = async () => {
    while (waiting.size > 0) {
      await sleep(coalesceMs)
      const ids = waiting
      waiting = new Set()
      await send(payloadsOf(ids)).catch(onError)
    }
    sending = undefined
  }
  return {
    tell: (ids: readonly string[]) => {
      for (const id of ids) waiting.add(id)
      sending ??= run()
    },
    end: () => sending ?? Promise.resolve(),
  }
}

function payloadsOf(ids: Iterable<string>): string[] {
  const payloads: string[] = []
  let payload = ''
  for (const id of ids) {
    const longer = payload === '' ? id : `${payload}${unit}${id}`
    if (Buffer.byteLength(longer) <= payloadBytesMax) payload = longer
    else {
      payloads.push(payload)
      payload = id
    }
  }
  return [...payloads, payload]
}
