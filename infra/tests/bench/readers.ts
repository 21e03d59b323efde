import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { localKid, localUserKey } from '#cli/user-keys.ts'
import type { InboxChanges } from '#contracts/inbox.ts'
import { mintUserToken } from '#runtime/user-tokens.ts'
import { nameOfReader, prefix, type Reply } from './setup.ts'

/** People who listen to their inboxes, each by a connection of their own. */
export type Readers = {
  /** Opens so many streams, some at once; rejects when one is refused. */
  listen(asked: { url: string; count: number }): Promise<Heard>
  /** Waits until so many items came, and says how long each took from when its body says. */
  heard(count: number): Promise<Heard>
}
type Heard = Extract<Reply, { kind: 'heard' }>

const opensAtOnce = 50
const hearLimitMs = 60_000
const pollMs = 50

/** Tokens are signed by the key that the folder keeps, so it must be the API's. */
export async function openReaders({ folder }: { folder: string }): Promise<Readers> {
  const key = await localUserKey(folder)
  const tookMs: number[] = []
  let streams = 0
  const listenAs = async (recipient: string, url: string) => {
    const claims = { key, kid: localKid, audience: prefix, scopes: ['inbox'] as const, now: Date.now() }
    const authorization = `Bearer ${await mintUserToken({ recipient }, claims)}`
    const request = http.get(`${url}/v1/me/inbox/stream`, { agent: false, headers: { authorization } })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`stream ${streams} was answered ${response.statusCode}`)
    streams++
    response.on('close', () => streams--)
    readItems(response, sentNs => tookMs.push(Number(process.hrtime.bigint() - sentNs) / 1e6))
  }
  const told = (): Heard => {
    const sorted = tookMs.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0
    return { kind: 'heard', streams, items: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
  }
  return {
    async listen({ url, count }) {
      let next = 0
      const open = async () => {
        while (next < count) await listenAs(nameOfReader(next++), url)
      }
      await Promise.all(Array.from({ length: opensAtOnce }, open))
      return told()
    },
    async heard(count) {
      for (const untilMs = performance.now() + hearLimitMs; tookMs.length < count; await sleep(pollMs))
        if (performance.now() > untilMs) throw new Error(`${count - tookMs.length} of ${count} items never came`)
      return told()
    },
  }
}

function readItems(response: http.IncomingMessage, onItem: (sentNs: bigint) => void): void {
  let rest = ''
  // Cut off, it is counted as closed.
  response.on('error', () => {})
  response.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const data = /^event: changes\ndata: (.+)$/m.exec(block)?.[1]
      if (data === undefined) continue
      for (const { body } of (JSON.parse(data) as InboxChanges).items) onItem(BigInt(body))
    }
  })
}
