import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import { pageLinkTokens } from '#preferences/page-link.ts'
import { systemClock } from '#runtime/clock.ts'
import { readConfig } from '#runtime/config.ts'
import { CommandError } from '../command.ts'
import { secretOf } from '../secret.ts'

/** `carillon page`. */
export async function runPage(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { tenant: { type: 'string' } } })
  const { tenant } = values
  const [recipient, ...rest] = positionals
  if (!isName(recipient) || rest.length > 0) throw new CommandError('name one person')
  if (tenant !== undefined && !isName(tenant)) throw new CommandError('--tenant must be a name')
  const config = readConfig()
  const user = { recipient, ...(tenant !== undefined && { tenant }) }
  const [token] = pageLinkTokens([user], { secret: await secretOf(config), now: systemClock.now() })
  console.log(`${config.http.publicUrl ?? ''}/preferences/${token}`)
  return 0
}
