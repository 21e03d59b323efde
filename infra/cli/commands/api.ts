import { createMetrics } from '#runtime/metrics.ts'
import { serveApi } from '../api.ts'
import { repliesOf } from '../brand.ts'
import { stated } from '../command.ts'
import { runInstalled } from '../installed.ts'
import { userKeysOf } from '../user-keys.ts'
import { trustOf } from '../webhook-trust.ts'

/** `carillon api`. */
export function runApi(): Promise<number> {
  return runInstalled('api', async ({ config, installation, log, opened }) => {
    const { host, port, proxies } = config.http
    const api = opened.use(
      await serveApi(installation, {
        ...{ host, port, metrics: createMetrics(), approvalAbove: config.approvalAbove, proxies },
        groupMin: config.groupMin,
        people: { keys: await userKeysOf(config), origins: config.origins },
        replies: repliesOf(config),
        trust: apiUrl => trustOf(config, { credentials: undefined, apiUrl }),
      }).catch(stated(`cannot serve the API on ${host}:${port} (CARILLON_HTTP_HOST, CARILLON_HTTP_PORT)`)),
    )
    log.info({ host: new URL(api.url).host }, 'the API is served')
  })
}
