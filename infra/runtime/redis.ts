import { once } from 'node:events'
import { Redis } from 'ioredis'
import { withDeadline } from './deadline.ts'

/** Small scripts on a Redis server, each one step that nobody interrupts. */
export type RedisScripts = AsyncDisposable & {
  /** Runs a script on one key. Rejects at once while the server is away, and after a second without an answer. */
  run(script: string, call: { key: string; values: readonly (number | string)[] }): Promise<unknown>
}

const connectLimitMs = 10_000
const firstConnectLimitMs = 2_000
const commandLimitMs = 1_000
const reconnectMaxMs = 1_000

/** Opens without the server, too: it comes into use when it is there. */
export async function openRedisScripts(url: string, onError: (error: unknown) => void): Promise<RedisScripts> {
  let closing = false
  const redis = new Redis(url, {
    connectTimeout: connectLimitMs,
    commandTimeout: commandLimitMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    retryStrategy: times => (closing ? null : Math.min(times * 100, reconnectMaxMs)),
    // A primary that was demoted answers READONLY: only a new connection finds the one that took over.
    reconnectOnError: error => error.message.startsWith('READONLY'),
  })
  redis.on('error', onError)
  await withDeadline(once(redis, 'ready'), { ms: firstConnectLimitMs, what: 'Redis' }).catch(() => {})
  return {
    run: (script, { key, values }) => redis.eval(script, 1, key, ...values),
    async [Symbol.asyncDispose]() {
      closing = true
      redis.disconnect()
    },
  }
}
