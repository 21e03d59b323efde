import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { mentionReceived, replyReceived } from '#producers/catalogue/social.ts'
import { buildFailed } from '#producers/catalogue/work.ts'
import { createNotifier, type Notifier } from '#producers/sdk/notifier.ts'
import { sendPage } from '#runtime/browser-page.ts'
import type { Config } from '#runtime/config.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import { mintUserToken } from '#runtime/user-tokens.ts'
import type { Installation } from './installation.ts'
import { localKid, localUserKey } from './user-keys.ts'

const page = path.resolve(import.meta.dirname, '../../producers/examples/web/bell.html')
/** Whose bell it is. */
const recipient = 'you'
const producer = 'demo'

/**
 * `/demo`: a product's page with a bell, and the two calls of its back end, for who tries Carillon on this machine: a token
 * for one made-up person, and intents for them. Where products sign tokens by keys of their own there is none.
 */
export function serveDemo(
  app: FastifyInstance,
  { installation, config }: { installation: Installation; config: Config },
) {
  const { addresses, catalogue, prefix, clock } = installation
  const { projectId, emulator } = addresses.pubsub
  const notifier = createNotifier({
    ...{ producer, catalogue },
    pubsub: { projectId, prefix, ...(emulator !== undefined && { emulator }) },
  })
  app.get('/demo', async (_request, reply) => sendPage(reply, readFileSync(page, 'utf8')))
  app.post('/demo/token', async () => {
    const key = await localUserKey(config.dataDir)
    const scopes = ['inbox', 'preferences'] as const
    return {
      token: await mintUserToken({ recipient }, { key, kid: localKid, audience: prefix, scopes, now: clock.now() }),
    }
  })
  app.post<{ Body: { what: keyof typeof told } }>('/demo/intents', { schema: { body } }, async (request, reply) => {
    await told[request.body.what](notifier)
    return reply.code(202).send({ stated: true })
  })
  return notifier
}

const url = 'https://acme.example/somewhere'
const told = {
  mention: (notifier: Notifier) =>
    notifier.notify(mentionReceived, {
      ...{ to: [{ id: recipient, reason: 'mention' }], key: randomUUID(), actor: 'ada', thread: 'planning' },
      data: { commentId: randomUUID(), author: 'Ada', title: 'Quarterly planning', excerpt: 'What do you think?', url },
    }),
  reply: (notifier: Notifier) =>
    notifier.notify(replyReceived, {
      ...{ to: [{ id: recipient, reason: 'participating' }], key: randomUUID(), actor: 'jonas', thread: 'release-42' },
      data: { commentId: randomUUID(), author: 'Jonas', title: 'Release 4.2', excerpt: 'Done on my side.', url },
    }),
  build: (notifier: Notifier) =>
    notifier.notify(buildFailed, {
      ...{ to: [{ id: recipient, reason: 'role' }], key: randomUUID(), thread: 'builds' },
      data: { run: randomUUID(), name: 'Nightly build', repository: 'acme/shop', url },
    }),
}
const body = {
  type: 'object',
  required: ['what'],
  additionalProperties: false,
  properties: { what: { enum: Object.keys(told) } },
}
