import { createDatabase } from './postgres.ts'

const databaseName = 'carillon'
const duplicateDatabase = '42P04'

/** Gives the URL of the stack's database on a server; makes it at the first start. */
export async function makeStackDatabase(serverUrl: string): Promise<string> {
  try {
    return await createDatabase(serverUrl, databaseName)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === duplicateDatabase)) throw error
    return databaseUrlOn(serverUrl)
  }
}

/** The stack's database on a server. */
export function databaseUrlOn(serverUrl: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${databaseName}`
  return url.href
}
