import os from 'node:os'
import path from 'node:path'
import { hasData } from '#local/postgres-cluster.ts'
import { runningPostgres, startPostgres } from '#local/postgres.ts'
import { databaseUrlOn } from '#local/stack-database.ts'
import { checkAddressKey } from '#preferences/suppression-store.ts'
import { coloursWanted, readConfig } from '#runtime/config.ts'
import { untilSignal } from '#runtime/lifecycle.ts'
import { type Database, openPostgres } from '#runtime/postgres.ts'
import { claimForQuestion } from './claim.ts'
import { CommandError, stated } from './command.ts'
import { secretOf } from './secret.ts'

const limits = { connectionsMax: 2, statementLimitMs: 30 * 60_000, name: 'cli' }

/**
 * Opens the ledger for a question: the configured database, else that of this clone, running or not. A signal ends the
 * question. Throws a `CommandError` when there is nothing to ask.
 */
export async function visitDatabase(): Promise<Database & AsyncDisposable> {
  void untilSignal().then(signal => process.exit(128 + os.constants.signals[signal]))
  const { database, dataDir } = readConfig()
  await using opened = new AsyncDisposableStack()
  const url = database.url ?? databaseUrlOn(await serverOf(dataDir, opened))
  const db = opened.use(await openPostgres({ url, ...limits }).catch(stated('cannot open the database')))
  const asked = opened.move()
  return { ...db, [Symbol.asyncDispose]: () => asked.disposeAsync() }
}

/** The same, with what addresses are hashed with. Throws where that is not the secret of this database. */
export async function visitAddresses(): Promise<
  { db: Database & AsyncDisposable; addressKey: string } & AsyncDisposable
> {
  const addressKey = await secretOf(readConfig())
  await using opened = new AsyncDisposableStack()
  const db = opened.use(await visitDatabase())
  await checkAddressKey({ db, addressKey }).catch(stated('cannot work with addresses'))
  const asked = opened.move()
  return { db, addressKey, [Symbol.asyncDispose]: () => asked.disposeAsync() }
}

/** The server that runs is left running; one that is started for the time being is nobody else's until it has stopped. */
async function serverOf(dataDir: string, opened: AsyncDisposableStack): Promise<string> {
  const folder = path.join(dataDir, 'postgres')
  if (!hasData(folder)) throw new CommandError('there is no data yet: run `npm start` first, or set DATABASE_URL', 1)
  const claim = opened.use(await claimForQuestion(dataDir))
  const running = await runningPostgres(folder)
  if (running !== undefined) return running
  if (claim) return opened.use(await startPostgres({ dataDir: folder })).url
  throw new CommandError('Carillon is starting, or has its database elsewhere: ask again, or set DATABASE_URL', 1)
}

/** How wide the terminal is, and whether it shows colours (https://no-color.org). */
export const terminal = () => ({
  width: process.stdout.columns ?? 100,
  colour: process.stdout.isTTY && coloursWanted(),
})

const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `24h`, `7d`, or a date like 2026-11-21: the instant that a period begins. */
export function sinceOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+)([mhd])$/.exec(text)
  const at = match ? now - Number(match[1]) * units[match[2]!]! : Date.parse(text)
  if (Number.isNaN(at))
    throw new CommandError(`--since "${text}" must be a time like 30m, 24h or 7d, or a date like 2026-11-21`)
  return at
}
