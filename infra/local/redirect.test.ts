import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http2 from 'node:http2'
import https from 'node:https'
import { afterEach, test } from 'node:test'
import { promisify } from 'node:util'
import { localCredentials } from './credentials.ts'
import { redirectGoogleApis } from './redirect.ts'
import { setup, temporaryFolder } from './simulators/test-setup.ts'

let undo = () => {}
afterEach(() => undo())

const preload = new URL('./redirect-preload.ts', import.meta.url).href

test('HTTP/2 and HTTPS to Google reach the simulator, and the redirect can be undone', async () => {
  await using simulators = await setup()
  const before = [http2.connect, https.request]
  undo = redirectGoogleApis({ port: simulators.ports.google, caFile: simulators.credentials.caFile })
  const session = http2.connect('https://fcm.googleapis.com')
  await once(session, 'connect')
  assert.equal(session.socket.remoteAddress, '127.0.0.1')
  session.destroy()
  const [response] = await once(https.get('https://oauth2.googleapis.com/token', { agent: undefined }), 'response')
  assert.equal(response.socket.remoteAddress, '127.0.0.1')
  undo()
  assert.deepEqual([http2.connect, https.request], before)
})

test('the last redirect holds until it is undone', async () => {
  await using simulators = await setup()
  await using others = await setup()
  const targets = [simulators, others].map(({ ports, credentials }) => ({
    port: ports.google,
    caFile: credentials.caFile,
  }))
  const reached = async () => {
    const session = http2.connect('https://fcm.googleapis.com')
    const request = https.get('https://oauth2.googleapis.com/token', { agent: undefined })
    const [[response]] = await Promise.all([once(request, 'response'), once(session, 'connect')])
    const ports = [session.socket.remotePort, response.socket.remotePort]
    session.destroy()
    request.destroy()
    return ports
  }
  const [first, last] = targets.map(redirectGoogleApis)
  assert.deepEqual(await reached(), [others.ports.google, others.ports.google])
  last!()
  assert.deepEqual(await reached(), [simulators.ports.google, simulators.ports.google])
  undo = redirectGoogleApis(targets[1]!)
  first!()
  assert.deepEqual(await reached(), [others.ports.google, others.ports.google], 'whatever order they end in')
})

test('a certificate that another authority signed is refused', async () => {
  await using dir = await temporaryFolder()
  await using simulators = await setup()
  const stranger = await localCredentials(dir.path)
  undo = redirectGoogleApis({ port: simulators.ports.google, caFile: stranger.caFile })
  const session = http2.connect('https://fcm.googleapis.com')
  const request = https.request('https://oauth2.googleapis.com/token')
  const signal = AbortSignal.timeout(30_000)
  const refused = await Promise.allSettled([once(session, 'error', { signal }), once(request, 'error', { signal })])
  session.destroy()
  request.destroy()
  for (const outcome of refused) {
    assert.ok(outcome.status === 'fulfilled', 'the connection was refused')
    assert.match((outcome.value[0] as { code: string }).code, /CERT|SIGNATURE/)
  }
  assert.deepEqual(simulators.log.counts(), {})
})

test('the certificate is checked for the original name', async () => {
  await using simulators = await setup()
  undo = redirectGoogleApis({ port: simulators.ports.google, caFile: simulators.credentials.caFile })
  const session = http2.connect('https://fcm.googleapis.com')
  await once(session, 'connect')
  assert.equal((session.socket as unknown as { servername: string }).servername, 'fcm.googleapis.com')
  session.destroy()
})

test('there is no other target than a port of this machine', async () => {
  for (const port of [0, 65536, Number.NaN, '10.0.0.1:443' as unknown as number])
    assert.throws(() => redirectGoogleApis({ port, caFile: 'none' }), /not a port of this machine/)
  const env = { ...process.env, CARILLON_LOCAL_GOOGLE: '203.0.113.9:443', CARILLON_LOCAL_CA: 'ca.pem' }
  const started = promisify(execFile)(process.execPath, ['--import', preload, '--eval', ''], { env })
  await assert.rejects(started, /other hosts are not allowed/)
})

test('a process with the preload is redirected; one that lacks its settings does not start', async () => {
  await using simulators = await setup()
  const { ports, credentials } = simulators
  const script = `require('https').get('https://oauth2.googleapis.com/token', r => console.log(r.resume().statusCode))`
  const run = (env: Record<string, string>) =>
    promisify(execFile)(process.execPath, ['--import', preload, '--eval', script], { env })
  const said = await run({ CARILLON_LOCAL_GOOGLE: String(ports.google), CARILLON_LOCAL_CA: credentials.caFile })
  assert.equal(said.stdout, '400\n')
  await assert.rejects(run({}), /set CARILLON_LOCAL_GOOGLE/)
})
