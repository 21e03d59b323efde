import { once } from 'node:events'
import net from 'node:net'

/** A loopback port that nobody listens on now. Someone may before it is used: be ready to try again. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (!address || typeof address === 'string') throw new Error('no free port on 127.0.0.1')
  return address.port
}
