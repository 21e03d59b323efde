import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { temporaryFolder } from '#tests/temporary-folder.ts'
import { startRedis } from './redis.ts'

test('data is there again after an outage, on the same port', async t => {
  await using folder = await temporaryFolder()
  await using server = await startRedis({ dir: `${folder.path}/redis` })
  if (!server) return t.skip('no redis-server on the PATH')
  using client = connect(server.url)
  await client.redis.set('kept', 'yes')
  assert.match(String(await client.redis.config('GET', 'maxmemory-policy')), /noeviction/)
  await server.stop()
  await assert.rejects(client.redis.get('kept'))
  await server.stop()
  await server.start()
  using again = connect(server.url)
  assert.equal(await again.redis.get('kept'), 'yes')
})

test('others on this machine do not get in', async t => {
  await using folder = await temporaryFolder()
  await using server = await startRedis({ dir: `${folder.path}/redis` })
  if (!server) return t.skip('no redis-server on the PATH')
  const { port } = new URL(server.url)
  using stranger = connect(`redis://127.0.0.1:${port}`)
  await assert.rejects(stranger.redis.get('kept'), /NOAUTH/)
})

test('two servers run side by side', async t => {
  await using folder = await temporaryFolder()
  await using one = await startRedis({ dir: `${folder.path}/one` })
  await using two = await startRedis({ dir: `${folder.path}/two` })
  if (!one || !two) return t.skip('no redis-server on the PATH')
  using client = connect(one.url)
  using other = connect(two.url)
  await client.redis.set('mine', '1')
  assert.equal(await other.redis.get('mine'), null)
})

function connect(url: string) {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => {})
  return { redis, [Symbol.dispose]: () => redis.disconnect() }
}
