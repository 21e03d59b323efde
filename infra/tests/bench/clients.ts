import { startChild } from './child.ts'
import { type ClientName, clientNames, type Way, ways } from './client-ways.ts'
import { median } from './measure.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { localCredentials } from '#local/credentials.ts'
import path from 'node:path'

/** CPU-µs per message in the process that calls the provider: by its official library, directly, and by nothing but Node's own HTTP. */
export type ClientsResult = Record<ClientName, Record<Way, number>>

/** So many messages a round: dear ones are fewer. */
const counts: Record<ClientName, number> = {
  fcm: 10_000,
  apns: 10_000,
  'sendgrid, one each': 2_000,
  'sendgrid, 1,000 at once': 50_000,
  twilio: 2_000,
}

/** What calling each provider costs, both ways side by side: the first round warms up, then the medians of the others. */
export async function costOfClients(rounds: number, progress: (line: string) => void): Promise<ClientsResult> {
  await using folder = await temporaryFolder()
  await localCredentials(path.join(folder.path, 'credentials'))
  await using simulators = await startChild('simulators', { folder: folder.path })
  await using client = await startChild('client', { folder: folder.path, ports: simulators.ready.ports! })
  const result = {} as ClientsResult
  for (const name of clientNames) {
    const costs: Record<Way, number[]> = { official: [], direct: [], floor: [] }
    for (let round = 0; round <= rounds; round++)
      for (const way of ways) {
        client.order({ kind: 'send', client: name, way, count: counts[name] })
        const reply = await client.next()
        if (reply.kind !== 'sent') throw new Error(`the client said ${reply.kind} when asked to send`)
        if (round > 0) costs[way].push(reply.cpuUs)
      }
    const us = (way: Way) => Math.round(median(costs[way]) * 10) / 10
    result[name] = { official: us('official'), direct: us('direct'), floor: us('floor') }
    progress(`${name}: official library ${us('official')} µs, directly ${us('direct')} µs, floor ${us('floor')} µs`)
  }
  return result
}
