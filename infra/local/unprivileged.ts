import { spawnSync } from 'node:child_process'

/** Who runs the database server. Empty means: the user of this process. */
export type Identity = { uid?: number; gid?: number }

const nobody = 65_534

/** PostgreSQL refuses to run as root, so root runs it as `nobody`, who is on every POSIX system. */
export function serverIdentity(): Identity {
  return process.getuid?.() === 0 ? { uid: idOfNobody('-u'), gid: idOfNobody('-g') } : {}
}

/** Whether `identity` gets into `folder`. Tried, not computed: modes, access lists and mounts all have a say. */
export function canEnter(folder: string, identity: Identity): boolean {
  if (identity.uid === undefined) return true
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...identity, cwd: '/', stdio: 'ignore' }).status === 0
}

function idOfNobody(flag: '-u' | '-g'): number {
  return Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout?.trim() || nobody)
}
