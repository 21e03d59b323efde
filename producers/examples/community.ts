import type { Channel } from '#contracts/channel.ts'
import type { Api, Member, RecipientProfile } from '../sdk/api-client.ts'
import { chancesOf, type Chances } from './chances.ts'

/** What somebody has switched off or on: a category on one channel or on all, or a thread. */
export type Choice = { wish: boolean } & ({ category: string; channel?: Channel } | { thread: string })

export type CommunityMember = { id: string; profile: RecipientProfile; choices: Choice[] }
export type Project = { name: string; owner: string; maintainers: string[]; watchers: string[] }
export type Community = { members: CommunityMember[]; projects: Project[] }

/** The audiences of a project. */
export const watchersOf = (project: Pick<Project, 'name'>): string => `watchers:${project.name}`
export const maintainersOf = (project: Pick<Project, 'name'>): string => `maintainers:${project.name}`
export const threadOf = (project: Pick<Project, 'name'>, number: number): string => `${project.name}#${number}`

/** A made-up community: people with devices, numbers, mailboxes, time zones and wishes. The same seed, the same people. */
export function community({ seed = 1, people = 200 } = {}): Community {
  const chances = chancesOf(seed)
  const members = Array.from({ length: people }, (_, at) => memberOf(at, chances))
  const projects = projectNames.map((name): Project => {
    const watchers = members.filter(() => chances.happens(0.25)).map(member => member.id)
    return { name, owner: watchers[0]!, maintainers: watchers.slice(0, 3), watchers }
  })
  for (const member of members) member.choices.push(...mutesOf(member.id, { projects, chances }))
  return { members, projects }
}

export type Seeding = {
  community: Community
  /** The SDK with its HTTP API. */
  api: Pick<Api, 'recipients' | 'audiences'>
  /** Stores what a person has chosen: a wish of the person, so no product service may set it by the SDK. */
  choose: (member: string, choices: readonly Choice[]) => Promise<void>
}

/** Makes Carillon know the community. Safe to repeat. */
export async function seedCommunity({ community, api, choose }: Seeding): Promise<void> {
  for (let at = 0; at < community.members.length; at += seedingAtOnce)
    await Promise.all(
      community.members.slice(at, at + seedingAtOnce).map(async ({ id, profile, choices }) => {
        await api.recipients.upsert(id, profile)
        if (choices.length > 0) await choose(id, choices)
      }),
    )
  for (const project of community.projects) {
    await api.audiences.replace(watchersOf(project), project.watchers.map(reasoned('watching')))
    await api.audiences.replace(maintainersOf(project), project.maintainers.map(reasoned('maintainer')))
  }
}

const seedingAtOnce = 10
const reasoned =
  (reason: string) =>
  (id: string): Member => ({ id, reason })

const projectNames = ['hello-world', 'parser', 'docs', 'website', 'cli', 'protocol', 'scheduler', 'icons']
const givenNames =
  'ada alan anna ben carla david emma felix grace hedy ida jan kim lea max nina omar pia ravi sara'.split(' ')
const zones = [
  'Europe/Berlin',
  'America/New_York',
  'America/Los_Angeles',
  'Asia/Kolkata',
  'Asia/Tokyo',
  'Australia/Sydney',
]
const locales = ['en', 'en', 'en', 'de', 'de', 'fr']
const app = 'org.example.community'

type Endpoint = NonNullable<RecipientProfile['endpoints']>[number]

function memberOf(at: number, chances: Chances): CommunityMember {
  const id = `${givenNames[at % givenNames.length]}-${at}`
  const profile: RecipientProfile = {
    tenant: 'octo',
    locale: chances.pick(locales),
    zone: chances.pick(zones),
    endpoints: endpointsOf(id, at, chances),
  }
  if (chances.happens(0.3)) profile.quiet = { start: '22:00', end: '07:00' }
  const choices: Choice[] = []
  if (chances.happens(0.12)) choices.push({ category: 'social', channel: 'push', wish: false })
  if (chances.happens(0.15)) choices.push({ category: 'releases', channel: 'email', wish: false })
  if (chances.happens(0.1)) choices.push({ category: 'popularity', wish: false })
  return { id, profile, choices }
}

/**
 * Some addresses do not work, so that every outcome is seen. The words and digits are those that the simulators act on:
 * `dead` is refused for good, `flaky` fails once.
 */
function endpointsOf(id: string, at: number, chances: Chances): Endpoint[] {
  const endpoints: Endpoint[] = []
  const health = () => chances.pick([...workingAddresses, 'dead', 'flaky'])
  if (chances.happens(0.6))
    endpoints.push({ id: 'android', channel: 'push', provider: 'fcm', address: `device:${at}-${health()}`, app })
  if (chances.happens(0.4))
    endpoints.push({ id: 'iphone', channel: 'push', provider: 'apns', address: apnsToken(at, health()), app })
  if (chances.happens(0.9))
    endpoints.push({ id: 'mailbox', channel: 'email', provider: 'sendgrid', address: `${id}.${health()}@mail.example` })
  if (chances.happens(0.5))
    endpoints.push({ id: 'phone', channel: 'sms', provider: 'twilio', address: number(at, health()) })
  return endpoints
}

const workingAddresses = Array.from({ length: 18 }, () => 'ok')
const apnsPrefix: Record<string, string> = { ok: '', dead: 'deaddead', flaky: '35259352' }
const apnsToken = (at: number, health: string): string =>
  `${apnsPrefix[health]}${(0x0a11ce00 + at).toString(16).padStart(8, '0').repeat(8)}`.slice(0, 64)
const numberPrefix: Record<string, string> = { ok: '+4915550', dead: '+9993323', flaky: '+99935259' }
const number = (at: number, health: string): string => `${numberPrefix[health]}${String(at).padStart(5, '0')}`

/** Everybody is tired of some conversation. */
function mutesOf(id: string, { projects, chances }: { projects: readonly Project[]; chances: Chances }): Choice[] {
  return projects
    .filter(project => project.watchers.includes(id) && chances.happens(0.2))
    .map(project => ({ thread: threadOf(project, chances.pick([1, 2])), wish: false }))
}
