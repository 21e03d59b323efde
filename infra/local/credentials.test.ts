import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { localCredentials } from './credentials.ts'
import { temporaryFolder } from './simulators/test-setup.ts'

const day = 24 * 60 * 60 * 1000

test('credentials are made once, for all who start at the same time', async () => {
  await using dir = await temporaryFolder()
  const [first, ...others] = await Promise.all([1, 2, 3].map(() => localCredentials(dir.path)))
  for (const other of [...others, await localCredentials(dir.path)]) assert.deepEqual(other, first)
  assert.deepEqual(await readdir(dir.path), ['1'])
})

test('only the owner can read them', async () => {
  await using dir = await temporaryFolder()
  const { caFile, fcm, apns } = await localCredentials(join(dir.path, 'credentials'))
  const folder = join(dir.path, 'credentials', '1')
  const modes = await Promise.all(
    (await readdir(folder)).map(async name => (await stat(join(folder, name))).mode & 0o777),
  )
  assert.deepEqual(modes, [0o600, 0o600, 0o600, 0o600])
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const file of [caFile, fcm.serviceAccountFile, apns.keyFile]) assert.ok((await readFile(file)).length > 0)
})

test('they are renewed before they end', async () => {
  await using dir = await temporaryFolder()
  const now = Date.now()
  const first = await localCredentials(dir.path, now)
  assert.deepEqual(await localCredentials(dir.path, now + 330 * day), first)
  const second = await localCredentials(dir.path, now + 336 * day)
  assert.equal(second.expiresAt, now + (336 + 365) * day)
  assert.notEqual(second.ca, first.ca)
})

test('the certificate is good for the names of the providers, and signed by the authority', async () => {
  await using dir = await temporaryFolder()
  const { ca, server } = await localCredentials(dir.path)
  const authority = new X509Certificate(ca)
  const leaf = new X509Certificate(server.certificate)
  assert.ok(leaf.verify(authority.publicKey) && leaf.checkIssued(authority))
  for (const name of ['fcm.googleapis.com', 'api.push.apple.com', 'api.sendgrid.com', 'api.twilio.com', 'localhost'])
    assert.equal(leaf.checkHost(name), name)
  assert.equal(leaf.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(leaf.checkHost('example.com'), undefined)
  assert.equal(leaf.ca, false)
  // One in 256 sets was unreadable to OpenSSL when a serial number could begin with zeros.
  for (const { serialNumber } of [authority, leaf]) assert.match(serialNumber, /^0[1-7]/)
})
