import { createECDH, generateKeyPair, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import forge from 'node-forge'

/**
 * Everything one machine needs to talk to the provider simulators by the providers' real protocols: a certificate
 * authority and one server certificate for the providers' host names, and the keys a customer of each provider holds.
 * All text is PEM unless said otherwise; `…File` are paths of the same text for clients that want a file.
 */
export type LocalCredentials = {
  /** When the certificates end, epoch ms. */
  expiresAt: number
  caFile: string
  ca: string
  server: { certificate: string; key: string }
  fcm: { serviceAccountFile: string; projectId: string; clientEmail: string; publicKey: string }
  apns: { keyFile: string; keyId: string; teamId: string; topic: string; publicKey: string }
  /** `webhook` signs the events that SendGrid sends to us (ECDSA P-256). */
  sendgrid: { apiKey: string; webhook: { privateKey: string; publicKey: string } }
  twilio: { accountSid: string; authToken: string; from: string }
  /** VAPID keys (RFC 8292): the public one a point, the private one a number, base64url. */
  webpush: { subject: string; publicKey: string; privateKey: string }
}

const day = 24 * 60 * 60 * 1000
const lifetimeMs = 365 * day
/** A set with less life left than this is replaced at the next start. */
const renewBeforeMs = 30 * day
const attemptsMax = 3

/** The push service of browsers that only exist here. */
export const pushServiceHost = 'push.carillon.test'

/** The names a client checks the certificate against, and loopback for clients that are given an address. */
const serverNames = [
  'localhost',
  'fcm.googleapis.com',
  'oauth2.googleapis.com',
  'api.push.apple.com',
  'api.sandbox.push.apple.com',
  'api.sendgrid.com',
  'api.twilio.com',
  pushServiceHost,
]

/**
 * The credentials kept in `dir`, made at the first call and again 30 days before they end. Files are readable by their
 * owner only. Processes that start at once get the same set: each set is a numbered folder that appears by one rename.
 * The authority's private key is thrown away once it has signed, so nothing can be signed with it later.
 */
export async function localCredentials(dir: string, now: number = Date.now()): Promise<LocalCredentials> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const newest = await newestSet(dir)
    const kept = newest === 0 ? undefined : await readSet(join(dir, String(newest)))
    if (kept !== undefined && kept.expiresAt - now > renewBeforeMs) return kept
    await makeSet({ dir, set: newest + 1, now })
  }
  throw new Error(
    `local credentials in ${dir} cannot be read back after making them: remove the folder and start again`,
  )
}

async function newestSet(dir: string): Promise<number> {
  const sets = (await readdir(dir)).filter(name => /^[1-9]\d*$/.test(name)).map(Number)
  return Math.max(0, ...sets)
}

type Values = Omit<LocalCredentials, 'caFile' | 'fcm' | 'apns'> & {
  fcm: Omit<LocalCredentials['fcm'], 'serviceAccountFile'>
  apns: Omit<LocalCredentials['apns'], 'keyFile'>
}

async function readSet(folder: string): Promise<LocalCredentials | undefined> {
  const text = await readFile(join(folder, 'credentials.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const values = JSON.parse(text) as Values
  // One from before there was a simulator of this is replaced.
  if (values.webpush === undefined) return undefined
  return {
    ...values,
    caFile: join(folder, 'ca.pem'),
    fcm: { ...values.fcm, serviceAccountFile: join(folder, 'service-account.json') },
    apns: { ...values.apns, keyFile: join(folder, 'apns-key.p8') },
  }
}

async function makeSet({ dir, set, now }: { dir: string; set: number; now: number }): Promise<void> {
  const files = await newFiles(now)
  const making = await mkdtemp(join(dir, '.making-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(making, name), text, { mode: 0o600 })
  try {
    await rename(making, join(dir, String(set)))
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    // Another process was first; its set is as good as ours.
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

async function newFiles(now: number): Promise<Record<string, string>> {
  const [authority, server, google, apple, webhook] = await Promise.all([rsa(), rsa(), rsa(), p256(), p256()])
  const expiresAt = now + lifetimeMs
  const ca = authorityCertificate({ now, expiresAt, key: authority })
  const projectId = 'carillon-local'
  const clientEmail = `carillon@${projectId}.iam.gserviceaccount.com`
  const values: Values = {
    expiresAt,
    ca,
    server: {
      certificate: serverCertificate({ now, expiresAt, key: server, signer: authority }),
      key: server.privateKey,
    },
    fcm: { projectId, clientEmail, publicKey: google.publicKey },
    apns: { keyId: letters(10), teamId: letters(10), topic: 'dev.carillon.local', publicKey: apple.publicKey },
    sendgrid: {
      apiKey: `SG.${randomBytes(16).toString('base64url')}.${randomBytes(32).toString('base64url')}`,
      webhook,
    },
    twilio: {
      accountSid: `AC${randomBytes(16).toString('hex')}`,
      authToken: randomBytes(16).toString('hex'),
      // Twilio's own number for tests: https://www.twilio.com/docs/iam/test-credentials
      from: '+15005550006',
    },
    webpush: vapidKeys(),
  }
  return {
    'ca.pem': ca,
    'apns-key.p8': apple.privateKey,
    'service-account.json': serviceAccount({ projectId, clientEmail, privateKey: google.privateKey }),
    'credentials.json': JSON.stringify(values, null, 2),
  }
}

/** The file that the Google Cloud console hands out for a service account. */
const serviceAccount = (of: { projectId: string; clientEmail: string; privateKey: string }) =>
  JSON.stringify({
    type: 'service_account',
    project_id: of.projectId,
    private_key_id: randomBytes(20).toString('hex'),
    private_key: of.privateKey,
    client_email: of.clientEmail,
    client_id: '100000000000000000000',
    token_uri: 'https://oauth2.googleapis.com/token',
  })

function vapidKeys(): LocalCredentials['webpush'] {
  const pair = createECDH('prime256v1')
  pair.generateKeys()
  return {
    subject: 'mailto:push@carillon.test',
    publicKey: pair.getPublicKey('base64url'),
    privateKey: Buffer.concat([Buffer.alloc(32), pair.getPrivateKey()])
      .subarray(-32)
      .toString('base64url'),
  }
}

type KeyPair = { publicKey: string; privateKey: string }
const pem = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const
const rsa = (): Promise<KeyPair> => promisify(generateKeyPair)('rsa', { modulusLength: 2048, ...pem })
const p256 = (): Promise<KeyPair> => promisify(generateKeyPair)('ec', { namedCurve: 'P-256', ...pem })

/** Upper-case letters and digits, the shape of Apple's key and team ids. */
const letters = (length: number) =>
  Array.from(randomBytes(length), byte => 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'[byte % 32]).join('')

const authorityName = 'Carillon local authority'

const authorityCertificate = ({ now, expiresAt, key }: { now: number; expiresAt: number; key: KeyPair }) =>
  certificate({
    now,
    expiresAt,
    key,
    signer: key,
    subject: authorityName,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })

const serverCertificate = (of: { now: number; expiresAt: number; key: KeyPair; signer: KeyPair }) =>
  certificate({
    ...of,
    subject: 'Carillon provider simulators',
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [...serverNames.map(value => ({ type: 2, value })), { type: 7, ip: '127.0.0.1' }],
      },
    ],
  })

type CertificateOf = {
  now: number
  expiresAt: number
  subject: string
  key: KeyPair
  signer: KeyPair
  extensions: object[]
}

function certificate({ now, expiresAt, subject, key, signer, extensions }: CertificateOf): string {
  const made = forge.pki.createCertificate()
  made.publicKey = forge.pki.publicKeyFromPem(key.publicKey)
  // Begins with 01: an ASN.1 integer is negative by its first bit, and refused by OpenSSL when it begins with zeros.
  made.serialNumber = `01${randomBytes(16).toString('hex')}`
  made.validity.notBefore = new Date(now - day)
  made.validity.notAfter = new Date(expiresAt)
  made.setSubject([{ name: 'commonName', value: subject }])
  made.setIssuer([{ name: 'commonName', value: authorityName }])
  made.setExtensions(extensions)
  made.sign(forge.pki.privateKeyFromPem(signer.privateKey), forge.md.sha256.create())
  return forge.pki.certificateToPem(made)
}
