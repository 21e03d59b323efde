import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'

/** Below those that systems give by themselves to whoever asks for any, or calls somebody: nobody else comes to have one of these. */
const first = 20_000
const last = 32_000
const triesMax = 100

/** A loopback port that nobody listens on now. Someone may before it is used: be ready to try again. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInt(first, last)
    if (await isFree(port)) return port
  }
  throw new Error('no free port on 127.0.0.1')
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
