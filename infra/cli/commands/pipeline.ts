import type { Provider } from '#channels/provider.ts'
import { createHttp, listen, serveOperations } from '#runtime/http.ts'
import { yieldToUrgent } from '#runtime/lifecycle.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { stated } from '../command.ts'
import { type Installed, runInstalled } from '../installed.ts'
import { type PipelineRole, startRoles, unreadiness } from '../roles.ts'
import { secretOf } from '../secret.ts'

const bodyBytesMax = 1024

/** `carillon router|worker|sink`: one role, one process, how production runs. Settings come from the environment. */
export const runPipeline = (role: PipelineRole): Promise<number> =>
  runInstalled(role, async ({ config, installation, log, opened }) => {
    if (role !== 'sink') yieldToUrgent(config.lanes)
    const metrics = createMetrics()
    const { lanes, channels, workerConcurrency: concurrency, smsPrices } = config
    const providers = role === 'worker' ? await providersOf({ config, installation, opened }) : []
    for (const provider of providers) opened.use(provider)
    opened.use(await startRoles([role], installation, { lanes, channels, concurrency, providers, metrics, smsPrices }))
    const app = createHttp({ log, metrics, bodyLimitBytes: bodyBytesMax })
    serveOperations(app, { metrics, readiness: () => unreadiness(installation) })
    const { host, metricsPort: port } = config.http
    const url = await listen(app, { host, port }).catch(
      stated(`cannot serve metrics on ${host}:${port} (CARILLON_HTTP_HOST, CARILLON_METRICS_PORT)`),
    )
    opened.defer(() => app.close())
    log.info({ host: new URL(url).host }, 'health and metrics are served')
  })

/** The providers' libraries take a second to load, and no other role needs them. */
async function providersOf({ config, installation, opened }: Installed): Promise<Provider[]> {
  const { openProviders } = await import('../providers.ts')
  const { simulatedBeside } = await import('../simulators-beside.ts')
  const simulated = await simulatedBeside(config, opened)
  const { db, signals } = installation
  return openProviders({ config, db, tell: signals.tell, secret: await secretOf(config), simulated })
}
