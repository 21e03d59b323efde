import { type Config, readConfig } from '#runtime/config.ts'
import { exitOnCrash, untilSignal } from '#runtime/lifecycle.ts'
import { createLog, type Log } from '#runtime/log.ts'
import { configuredAddresses } from './addresses.ts'
import { catalogueFrom } from './catalogue-from.ts'
import { type Installation, openInstallation } from './installation.ts'
import { secretOf } from './secret.ts'

/** What a process works with; what it opens is closed at its end. */
export type Installed = { config: Config; installation: Installation; opened: AsyncDisposableStack }

/** Runs a process of the installation that is configured. `work` starts its role; a signal drains it. Gives the exit code. */
export async function runInstalled(
  role: string,
  work: (at: Installed & { log: Log }) => Promise<void>,
): Promise<number> {
  const stopped = untilSignal()
  const config = readConfig()
  const log = createLog({ role, level: config.logLevel })
  exitOnCrash(log)
  for (const warning of config.warnings) log.warn({}, warning)
  await using opened = new AsyncDisposableStack()
  const products = await catalogueFrom(config)
  const { volumeFloor, routes } = config
  const reached = { addresses: configuredAddresses(config), addressKey: await secretOf(config), volumeFloor, routes }
  const installation = opened.use(await openInstallation({ ...reached, ...products, log }))
  await work({ config, installation, log, opened })
  log.info({ catalogue: products.catalogue.version }, `${role} works`)
  log.info({ signal: await stopped }, `${role} drains and stops`)
  return 0
}
