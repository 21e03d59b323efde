import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import { createProducerToken, scopes, tenantScopes, tokenProblem } from '#producers/http/producer-tokens.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { mintUserToken, userScopes } from '#runtime/user-tokens.ts'
import { CommandError } from '../command.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { localKid, localUserKey } from '../user-keys.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon token`. */
export const runToken = (args: string[]): Promise<number> =>
  args[0] === 'user' ? runUserToken(args.slice(1)) : runProducerToken(args)

/** Stands for the product's back end, on one machine. */
async function runUserToken(args: string[]): Promise<number> {
  const options = { scopes: { type: 'string' }, tenant: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const { tenant } = values
  const [recipient, ...rest] = positionals
  if (!isName(recipient) || rest.length > 0) throw new CommandError('name one person: token user ID')
  if (tenant !== undefined && !isName(tenant)) throw new CommandError('--tenant must be a name')
  const { userKeys, dataDir, prefix } = readConfig()
  if (userKeys)
    throw new CommandError('CARILLON_USER_KEYS is set: the product’s back end makes the tokens of people', 1)
  const key = await localUserKey(dataDir)
  const scopes = scopesOf(values.scopes ?? userScopes.join(','), userScopes)
  const to = { key, kid: localKid, audience: prefix, scopes, now: systemClock.now() }
  console.log(await mintUserToken({ recipient, ...(tenant !== undefined && { tenant }) }, to))
  return 0
}

async function runProducerToken(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { scopes: { type: 'string' }, types: { type: 'string' }, tenant: { type: 'string' } },
  })
  const [producer, ...rest] = positionals
  if (producer === undefined || rest.length > 0) throw new CommandError('name one producer')
  const { catalogue } = await catalogueFrom(readConfig())
  const types = values.types?.split(',') ?? [...catalogue.types.keys()]
  const unknown = types.filter(type => !catalogue.types.has(type))
  if (unknown.length > 0) throw new CommandError(`the catalogue has no type ${unknown.join(', ')}`)
  const { tenant } = values
  const opened = scopesOf(values.scopes ?? (tenant === undefined ? 'intents' : tenantScopes.join(',')), scopes)
  const token = { producer, types, scopes: opened, tenant }
  const wrong = tokenProblem(token)
  if (wrong !== undefined) throw new CommandError(wrong)
  await using db = await visitDatabase()
  console.log(await createProducerToken(db, token))
  return 0
}

function scopesOf<S extends string>(text: string, known: readonly S[]): S[] {
  return text.split(',').map(name => {
    const scope = known.find(one => one === name)
    if (!scope) throw new CommandError(`there is no scope "${name}": there are ${known.join(', ')}`)
    return scope
  })
}
