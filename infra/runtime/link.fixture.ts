import { once } from 'node:events'
import net from 'node:net'

/** A TCP connection to a server that a test can cut, freeze and mend. `url` is the server's with the link's port. */
export type Link = AsyncDisposable & {
  url: string
  /** Ends all connections and refuses new ones. */
  cut(): Promise<void>
  /** Accepts everything and passes nothing on. */
  freeze(): void
  mend(): Promise<void>
}

export async function openLink(serverUrl: string): Promise<Link> {
  const target = new URL(serverUrl)
  const sockets = new Set<net.Socket>()
  let frozen = false
  const pass = (from: net.Socket, to: net.Socket) => {
    from.on('data', data => void to.write(data))
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      to.destroy()
    })
    sockets.add(from)
    if (frozen) from.pause()
  }
  const accept = (inbound: net.Socket) => {
    const outbound = net.connect({ host: target.hostname, port: Number(target.port) })
    pass(inbound, outbound)
    pass(outbound, inbound)
  }
  const listenOn = async (port: number) => {
    const server = net.createServer(accept).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server = await listenOn(0)
  const { port } = server.address() as net.AddressInfo
  const cut = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise(resolve => server.close(resolve))
  }
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    cut,
    freeze: () => {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    mend: async () => {
      frozen = false
      for (const socket of sockets) socket.resume()
      if (!server.listening) server = await listenOn(port)
    },
    [Symbol.asyncDispose]: cut,
  }
}

/** A machine may be busy with other things for long. */
const factLimitMs = 60_000

/** Waits for a fact. */
export async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + factLimitMs
  while (!(await fact())) {
    if (performance.now() > end) throw new Error(`still not so after ${factLimitMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
