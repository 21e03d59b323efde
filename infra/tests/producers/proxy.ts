import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'

/** A way to a server on loopback that can be made worse. Disposing cuts all connections and takes no more. */
export type Proxy = AsyncDisposable & {
  port: number
  /** Keeps the server's answers to itself from now on: what is asked is done, and nobody hears of it. */
  muffle(): void
  /** Cuts all connections and takes no more, until it is mended. */
  cut(): void
  mend(): void
}

export async function startProxy(to: number): Promise<Proxy> {
  let muffled = false
  let isCut = false
  const sockets = new Set<Socket>()
  const proxy = net.createServer(client => {
    if (isCut) {
      client.destroy()
      return
    }
    const server = net.connect(to, '127.0.0.1')
    for (const socket of [client, server]) sockets.add(socket.on('error', () => {}))
    client.pipe(server)
    server.on('data', chunk => void (muffled || client.write(chunk)))
    server.on('close', () => client.destroy())
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    muffle: () => void (muffled = true),
    cut() {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    mend: () => void (isCut = false),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
    },
  }
}
