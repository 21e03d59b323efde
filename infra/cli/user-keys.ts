import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import path from 'node:path'
import type { Config } from '#runtime/config.ts'
import { readUserKeys, type UserKey } from '#runtime/user-tokens.ts'
import { stated } from './command.ts'
import { keptFile } from './secret.ts'

/** What tokens call the key that the data folder keeps. */
export const localKid = 'local'

/** The keys by which people's tokens are believed: those that are configured, else the one of this machine. */
export async function userKeysOf({ userKeys, dataDir }: Pick<Config, 'userKeys' | 'dataDir'>): Promise<UserKey[]> {
  if (userKeys) return readUserKeys(userKeys).catch(stated('cannot use CARILLON_USER_KEYS'))
  return [{ kid: localKid, key: createPublicKey(await localUserKey(dataDir)) }]
}

/** The key that stands for a product's back end on this machine, made once; whoever can read it can be anybody here. */
export async function localUserKey(dataDir: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const file = path.join(dataDir, 'user-key.pem')
  const kept = await keptFile(file, text).catch(
    stated(`there are no CARILLON_USER_KEYS, and no key can be kept in ${dataDir} (CARILLON_DATA_DIR)`),
  )
  return createPrivateKey(kept)
}
