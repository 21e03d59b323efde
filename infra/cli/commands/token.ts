import { parseArgs } from 'node:util'
import { createProducerToken } from '#producers/http/producer-tokens.ts'
import { readConfig } from '#runtime/config.ts'
import { type Command, CommandError } from '../command.ts'
import { catalogueFrom } from '../stack.ts'
import { visitDatabase } from '../visit.ts'

export const tokenCommand: Command = {
  name: 'token',
  usage: 'token PRODUCER [--types comment.created,…]',
  summary: 'Makes a token for a producer of the HTTP API and prints it once. Without --types it may say every type.',
  async run(args) {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { types: { type: 'string' } } })
    const [producer, ...rest] = positionals
    if (producer === undefined || rest.length > 0) throw new CommandError('name one producer')
    const { catalogue } = await catalogueFrom(readConfig().catalogue)
    const types = values.types?.split(',') ?? [...catalogue.types.keys()]
    const unknown = types.filter(type => !catalogue.types.has(type))
    if (unknown.length > 0) throw new CommandError(`the catalogue has no type ${unknown.join(', ')}`)
    await using db = await visitDatabase()
    console.log(await createProducerToken(db, { producer, types }))
    return 0
  },
}
