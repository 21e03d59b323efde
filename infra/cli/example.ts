import path from 'node:path'
import { audit, type Audit } from '#ledger/audit.ts'
import { changeChoices } from '#preferences/choice-store.ts'
import type { ChoicesPatch } from '#preferences/choices.ts'
import { channels } from '#contracts/channel.ts'
import { type Choice, community, seedCommunity } from '#producers/examples/community.ts'
import { playExample } from '#producers/examples/play.ts'
import { createProducerToken, revokeProducerTokens } from '#producers/http/producer-tokens.ts'
import { createNotifier } from '#producers/sdk/notifier.ts'
import type { Config } from '#runtime/config.ts'
import type { Everything } from './everything.ts'
import { publishedFileOf, publishedWriter, readPublished } from './published.ts'

export type Example = AsyncDisposable & {
  play(options: {
    run: string
    signal: AbortSignal
    onProgress: (progress: { intents: number }) => void
  }): Promise<{ intents: number }>
  /** Compares the ledger with everything that this example ever published into it. */
  audit(): Promise<Audit>
  /** Ids of the intents that this example ever published. */
  published(): Promise<Set<string>>
}

const producer = 'example-community'

/** The example product beside a running installation: its community is made known, its webhooks can be played. */
export async function openExample({ installation, apiUrl }: Everything, config: Config): Promise<Example> {
  const { db, catalogue, addresses, prefix, clock } = installation
  const publishedFile = path.join(config.dataDir, await publishedFileOf(db, config.database.url))
  await using opened = new AsyncDisposableStack()
  const published = opened.use(publishedWriter(publishedFile))
  const token = await createProducerToken(db, {
    ...{ producer, types: [...catalogue.types.keys()] },
    scopes: ['intents', 'people'],
  })
  opened.defer(() => revokeProducerTokens(db, producer))
  const notifier = opened.use(
    createNotifier({
      ...{ producer, catalogue, api: { url: apiUrl, token }, publisherLog: line => published.write(line) },
      pubsub: {
        projectId: addresses.pubsub.projectId,
        prefix,
        ...(addresses.pubsub.emulator && { emulator: addresses.pubsub.emulator }),
      },
    }),
  )
  const people = community()
  await seedCommunity({
    ...{ community: people, api: notifier },
    choose: async (member, choices) => void (await changeChoices({ db, now: clock.now() }, member, patchOf(choices))),
  })
  const running = opened.move()
  return {
    play: ({ run, signal, onProgress }) => playExample({ notifier, community: people, run, signal, onProgress }),
    async audit() {
      await published.flush()
      return audit(db, readPublished(publishedFile, clock.now()))
    },
    async published() {
      await published.flush()
      const ids = new Set<string>()
      for await (const { intent } of readPublished(publishedFile, clock.now())) ids.add(intent)
      return ids
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What somebody chose, as the change of their preferences. */
function patchOf(choices: readonly Choice[]): ChoicesPatch {
  const categories: NonNullable<ChoicesPatch['categories']> = {}
  const threads: NonNullable<ChoicesPatch['threads']> = {}
  for (const choice of choices) {
    if ('thread' in choice) threads[choice.thread] = choice.wish ? null : true
    else
      for (const channel of choice.channel ? [choice.channel] : channels)
        categories[choice.category] = { ...categories[choice.category], [channel]: choice.wish }
  }
  return { categories, threads }
}
