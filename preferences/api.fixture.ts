import { manualClock } from '#runtime/clock.ts'
import { createHttp, listen, problem } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { preferencesApi } from './api.ts'
import { createStores } from './store.fixture.ts'

/** A Saturday, 13:00 in Berlin. */
export const noon = Date.parse('2026-11-21T12:00:00Z')
export const token = 'secret'

/** What tests look at of its answers. */
export type Answer = {
  status?: number
  errors?: { pointer: string; detail: string }[]
  categories?: object
  threads?: object
  levels?: object
  paused?: string
  quiet?: unknown
  quietHours?: { rule: string; windows: unknown }
  effective?: {
    category: string
    cadence?: string
    channels: { channel: string; on: boolean; reachable: boolean; rule: string; sentence: string }[]
  }[]
  endpoints?: { id: string; channel: string; address?: string; state: string; [more: string]: unknown }[]
  suppressions?: Record<string, string | null>[]
  next?: string
  signedOut?: number
}

/** The API on a port of its own, its stores, and what it has logged. */
export async function createApi() {
  await using opened = new AsyncDisposableStack()
  const stores = opened.use(await createStores())
  const { db, addressKey } = stores
  const lines: string[] = []
  const log = createLog({ role: 'test', write: line => void lines.push(line) })
  const clock = manualClock(noon)
  const app = createHttp({ log, metrics: createMetrics(), bodyLimitBytes: 1024 * 1024 })
  preferencesApi(app, {
    ...{ db, addressKey, clock, categories: ['social', 'billing'] },
    producerOf: async () => ({ producer: 'accounts' }),
    authorize: async request => {
      if (request.headers.authorization !== `Bearer ${token}`) throw problem(401, { detail: 'who are you?' })
    },
  })
  const url = await listen(app, { port: 0, host: '127.0.0.1' })
  opened.defer(() => app.close())
  const running = opened.move()
  return {
    ...stores,
    ...{ url, clock, lines },
    call: async (route: string, body?: unknown, headers: Record<string, string> = {}) => {
      const [method, path] = route.split(' ') as [string, string]
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      })
      const text = await response.text()
      return { status: response.status, text, body: (text === '' ? {} : JSON.parse(text)) as Answer }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
