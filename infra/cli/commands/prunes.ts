import { parseArgs } from 'node:util'
import { isProvider, providers } from '#contracts/channel.ts'
import { listPrunes } from '#preferences/prune-acts.ts'
import { systemClock } from '#runtime/clock.ts'
import { CommandError } from '../command.ts'
import { actOptions, actorOf, table, whyOf } from '../operator.ts'
import { actOnPrunes, type PruneAct } from '../prunes.ts'
import { sinceOf, visitAddresses, visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const
const wrongUse = 'say `list`, or release, discard or undo, with --provider P and --app A where they have one'

/** `carillon prunes`: endpoints that were found dead, those that the guard holds, and what operators do with them. */
export async function runPrunes(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...actOptions, provider: text, app: text, since: text, json: { type: 'boolean', default: false } },
  })
  const [what, ...rest] = positionals
  if (rest.length > 0) throw new CommandError(wrongUse)
  if (what === 'list') return list(values.json)
  const doing = actOf(what, values)
  const by = { who: actorOf(values), why: whyOf(values) }
  await using store = await visitAddresses()
  const n = await actOnPrunes({ ...store, clock: systemClock }, by, doing)
  const group = doing.app === '' ? doing.provider : `${doing.provider} (${doing.app})`
  if (n === 0) throw new CommandError(`nothing of ${group} ${doing.act === 'undo' ? 'was pruned since' : 'is held'}`, 1)
  console.log(`${n} endpoints of ${group} ${told[doing.act]}`)
  return 0
}

const told = {
  release: 'are pruned after all',
  discard: 'stay alive; what is found dead from now on is counted anew',
  undo: 'live again',
} as const

type Said = { provider?: string | undefined; app?: string | undefined; since?: string | undefined }

function actOf(act: string | undefined, { provider, app = '', since }: Said): PruneAct {
  if (act !== 'release' && act !== 'discard' && act !== 'undo') throw new CommandError(wrongUse)
  if (provider === undefined) throw new CommandError(wrongUse)
  if (!isProvider(provider))
    throw new CommandError(`there is no provider ${provider}: there are ${Object.keys(providers).join(', ')}`)
  if (act !== 'undo' && since !== undefined) throw new CommandError('--since is for undo')
  if (act !== 'undo') return { act, provider, app }
  if (since === undefined) throw new CommandError('say since when: --since 2h')
  return { act, provider, app, since: sinceOf(since, systemClock.now())! }
}

async function list(json: boolean): Promise<number> {
  await using db = await visitDatabase()
  const found = await listPrunes(db)
  if (json) console.log(JSON.stringify(found))
  else if (found.length === 0) console.log('nothing is held, and nothing was pruned in the last day')
  else
    console.log(
      table([
        ['provider', 'app', 'held', 'since', 'commonest reason', 'pruned in a day', 'active', 'most in ten minutes'],
        ...found.map(one => [
          ...[one.provider, one.app, String(one.held), one.heldSince?.toISOString() ?? '', one.reason],
          ...[one.prunedLastDay, one.active ?? '', one.most ?? ''].map(String),
        ]),
      ]),
    )
  return 0
}
