import { parseArgs } from 'node:util'
import { createProducerToken, isProducer, producerRule, type Scope, scopes } from '#producers/http/producer-tokens.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { catalogueFrom } from '../catalogue-from.ts'
import { visitDatabase } from '../visit.ts'

/** `carillon token`. */
export async function runToken(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { scopes: { type: 'string' }, types: { type: 'string' } },
  })
  const [producer, ...rest] = positionals
  if (producer === undefined || rest.length > 0) throw new CommandError('name one producer')
  if (!isProducer(producer)) throw new CommandError(`"${producer}": ${producerRule}`)
  const { catalogue } = await catalogueFrom(readConfig())
  const types = values.types?.split(',') ?? [...catalogue.types.keys()]
  const unknown = types.filter(type => !catalogue.types.has(type))
  if (unknown.length > 0) throw new CommandError(`the catalogue has no type ${unknown.join(', ')}`)
  const opened = scopesOf(values.scopes ?? 'intents')
  await using db = await visitDatabase()
  console.log(await createProducerToken(db, { producer, types, scopes: opened }))
  return 0
}

function scopesOf(text: string): Scope[] {
  return text.split(',').map(name => {
    const scope = scopes.find(one => one === name)
    if (!scope) throw new CommandError(`there is no scope "${name}": there are ${scopes.join(', ')}`)
    return scope
  })
}
