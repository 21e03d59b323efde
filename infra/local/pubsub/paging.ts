import { limits } from './limits.ts'
import { invalid } from './refusal.ts'

export type PageRequest = { pageSize: number; pageToken: string }

/** One page of `names` in order, 100 unless asked otherwise and 1,000 at most, and the token of the next, empty at the end. */
export function pageOf(names: string[], request: PageRequest): { names: string[]; nextPageToken: string } {
  if (request.pageSize < 0) throw invalid('page_size must not be negative.')
  const size = Math.min(request.pageSize || limits.listPageSizeDefault, limits.listPageSize)
  // The token is the last name given, so a page is right also when names came or went in between.
  const after = Buffer.from(request.pageToken, 'base64url').toString()
  const rest = names.sort().filter(name => name > after)
  const page = rest.slice(0, size)
  const last = rest.length > size ? page.at(-1)! : ''
  return { names: page, nextPageToken: Buffer.from(last).toString('base64url') }
}
