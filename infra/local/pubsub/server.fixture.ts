// Runs the server of the folder given as argument in a process of its own, for tests that kill it; prints its address.
import { startPubSubServer } from './server.ts'

const [dataDir = '', port = '0'] = process.argv.slice(2)
const server = await startPubSubServer({ dataDir, port: Number(port) })
process.once('SIGTERM', () => void server[Symbol.asyncDispose]())
process.stdout.write(`${server.address}\n`)
