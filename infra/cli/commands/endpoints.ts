import { parseArgs } from 'node:util'
import { isName } from '#contracts/ids.ts'
import { parseNamedEndpoint, type Problem } from '#preferences/profile.ts'
import { putEndpoint, removeEndpoints } from '#preferences/recipient-store.ts'
import { systemClock } from '#runtime/clock.ts'
import { CommandError } from '../command.ts'
import { endpointsTable } from '../endpoints-table.ts'
import { visitAddresses, visitDatabase } from '../visit.ts'

const text = { type: 'string' } as const
const options = {
  ...{ channel: text, provider: text, address: text, app: text, platform: text, version: text, 'verified-at': text },
} as const
const wrongUse =
  'say list USER, put USER ENDPOINT, remove USER ENDPOINT, or sign-out USER, with ENDPOINT or --everywhere'

/** `carillon endpoints`: where a person is reached, and what of it goes or comes. */
export async function runEndpoints(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...options, everywhere: { type: 'boolean', default: false } },
  })
  const [what, user, endpoint, ...rest] = positionals
  if (!isName(user) || (endpoint !== undefined && !isName(endpoint)) || rest.length > 0)
    throw new CommandError(wrongUse)
  const now = systemClock.now()
  switch (what) {
    case 'list': {
      if (endpoint !== undefined) throw new CommandError(wrongUse)
      await using db = await visitDatabase()
      console.log(await endpointsTable(db, user))
      return 0
    }
    case 'put': {
      if (endpoint === undefined) throw new CommandError(`name the endpoint: put ${user} ENDPOINT --channel …`)
      return put(user, endpoint, values)
    }
    case 'remove':
    case 'sign-out': {
      if ((endpoint === undefined) !== (what === 'sign-out' && values.everywhere)) throw new CommandError(wrongUse)
      await using db = await visitDatabase()
      const gone = await removeEndpoints(
        { db, now },
        user,
        one => (endpoint === undefined || one.id === endpoint) && (what === 'remove' || one.channel === 'push'),
      )
      console.log(`${gone} of the endpoints of ${user} ${gone === 1 ? 'is' : 'are'} gone`)
      return 0
    }
    default:
      throw new CommandError(wrongUse)
  }
}

type Said = { [name in keyof typeof options]?: string | undefined }

async function put(user: string, named: string, { 'verified-at': verifiedAt, ...said }: Said): Promise<number> {
  const given = Object.fromEntries(Object.entries({ ...said, verifiedAt }).filter(([, value]) => value !== undefined))
  const { everywhere: _, ...body } = given
  const parsed = parseNamedEndpoint(user, { named, body })
  if (!parsed.ok) throw new CommandError(linesOf(parsed.problems))
  await using store = await visitAddresses()
  const { db } = store
  const verifiedBy = parsed.value.verifiedAt === undefined ? {} : { verifiedBy: 'operator' }
  await putEndpoint({ ...store, now: systemClock.now() }, user, { ...parsed.value, ...verifiedBy })
  console.log(await endpointsTable(db, user))
  return 0
}

/** What is wrong, by the name of the option. */
export const linesOf = (problems: readonly Problem[]): string =>
  problems
    .map(
      ({ pointer, detail }) => `${pointer.replace(/^#\/?(.*)/, (_, at: string) => at && `--${dashed(at)} `)}${detail}`,
    )
    .join('; ')
const dashed = (name: string): string => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
