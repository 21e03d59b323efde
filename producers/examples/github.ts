import { z } from 'zod'
import type { EpochMs } from '#contracts/ids.ts'
import { memberInvited, releasePublished, repositoryStarred } from '../catalogue/community.ts'
import { securityAlert, signinNewDevice } from '../catalogue/security.ts'
import { commentCreated, mentionReceived } from '../catalogue/social.ts'
import { buildFailed, issueAssigned, reviewRequested } from '../catalogue/work.ts'
import { type Ask, ask, type NotifyOptions } from '../sdk/ask.ts'
import { chancesOf } from './chances.ts'
import { type Community, maintainersOf, type Project, threadOf, watchersOf } from './community.ts'

/** One webhook of the code host, as it happens in the community: names and projects are replaced by ours. */
export type Happening = {
  /** `issue_comment.created` */
  event: string
  payload: unknown
  /** Tells replays of the same payload apart; goes into every key. */
  replay: string
  /** Which of the payloads of this event it is. */
  copy: number
  now: EpochMs
}

/** What the product says about a webhook: nothing, one intent, or several. Throws when the payload is not of its event. */
export function asksOf(happening: Happening, community: Community): Ask[] {
  const say = mapping[happening.event]
  return say ? say(sceneOf(happening, community)) : []
}

/** The events that mean something to the people of the community. */
export const meaningfulEvents = (): string[] => Object.keys(mapping)

type Payload = z.infer<typeof payload>
type Scene = Happening & {
  payload: Payload
  project: Project
  thread: string
  url: string
  actor: string
  /** Others who take part in the thread: its author first. */
  others: string[]
}

const numbered = z.object({ number: z.number(), title: z.string() })
const run = z.object({ id: z.number(), name: z.string().nullish(), conclusion: z.string().nullish() })
/** Of the payloads, what the product reads. */
const payload = z.object({
  comment: z.object({ id: z.number(), body: z.string() }).optional(),
  review: z.object({ id: z.number(), body: z.string().nullable() }).optional(),
  issue: numbered.optional(),
  pull_request: numbered.optional(),
  discussion: numbered.optional(),
  release: z.object({ tag_name: z.string() }).optional(),
  alert: z.looseObject({ number: z.number().optional() }).optional(),
  security_advisory: z.object({ ghsa_id: z.string(), summary: z.string(), severity: z.string() }).optional(),
  workflow_run: run.optional(),
  check_run: run.optional(),
  key: z.object({ title: z.string() }).optional(),
  team: z.object({ name: z.string() }).optional(),
  organization: z.object({ login: z.string() }).optional(),
})

function sceneOf(happening: Happening, { projects }: Community): Scene {
  const read = payload.parse(happening.payload)
  const { number } = read.issue ?? read.pull_request ?? read.discussion ?? { number: 1 }
  const project = chancesOf(`project ${happening.replay}`).pick(projects)
  const thread = threadOf(project, number)
  // The same people take part in a thread whatever happens in it, so that an edit reaches those who saw the comment.
  const cast = chancesOf(`cast ${happening.replay} ${happening.copy} ${thread}`).some(project.watchers, 5)
  const url = `https://community.example/${project.name}/${number}`
  return { ...happening, payload: read, project, thread, url, actor: cast[0]!, others: cast.slice(1) }
}

const mapping: Record<string, (scene: Scene) => Ask[]> = {
  'commit_comment.created': commented,
  'discussion_comment.created': commented,
  // An edit of a fresh comment says nothing new: the type's dedupe window drops it.
  'discussion_comment.edited': commented,
  'issue_comment.created': commented,
  'issue_comment.edited': commented,
  'pull_request_review_comment.created': commented,
  'pull_request_review_comment.edited': commented,
  'pull_request_review.submitted': commented,
  'pull_request.opened': reviewWanted,
  'pull_request.ready_for_review': reviewWanted,
  'pull_request.review_requested': reviewWanted,
  'issues.assigned': assigned,
  'pull_request.assigned': assigned,
  'check_run.completed': built,
  'workflow_run.completed': built,
  'release.published': released,
  'release.released': released,
  'star.created': starred,
  'watch.started': starred,
  fork: starred,
  'organization.member_invited': invited,
  'organization.member_added': invited,
  'member.added': invited,
  'membership.added': invited,
  'code_scanning_alert.created': alerted,
  'code_scanning_alert.reopened': alerted,
  'dependabot_alert.created': alerted,
  'repository_vulnerability_alert.create': alerted,
  'security_advisory.published': alerted,
  'security_advisory.updated': alerted,
  'deploy_key.created': signedIn,
  'github_app_authorization.revoked': signedIn,
  'installation.created': signedIn,
}

type Said<Data> = Omit<NotifyOptions<Data>, 'key' | 'tenant'>
/** What all intents of the product have in common. */
const of = <Data>(scene: Scene, what: string, said: Said<Data>): NotifyOptions<Data> => ({
  ...said,
  key: `${scene.replay} ${scene.event} ${scene.copy} ${what}`,
  tenant: 'octo',
})

const titleOf = ({ payload: { issue, pull_request, discussion }, thread }: Scene): string =>
  (issue ?? pull_request ?? discussion)?.title ?? thread

function commented(scene: Scene): Ask[] {
  const { payload, copy, replay, thread, actor, others, url } = scene
  const said = payload.comment ?? payload.review
  if (!said) return []
  const data = {
    commentId: `${replay} ${said.id} ${copy}`,
    author: actor,
    title: titleOf(scene),
    url,
    excerpt: (said.body ?? 'left a review').slice(0, 200),
  }
  const [author, mentioned, ...participants] = others
  const to = [{ id: author!, reason: 'author' }, ...participants.map(id => ({ id, reason: 'participating' }))]
  // The payloads mention nobody, so every other comment calls somebody by name.
  const mention = ask(
    mentionReceived,
    of(scene, 'mention', { to: [{ id: mentioned!, reason: 'mention' }], data, actor, thread }),
  )
  return [ask(commentCreated, of(scene, 'comment', { to, data, actor, thread })), ...(copy % 2 === 0 ? [mention] : [])]
}

function reviewWanted(scene: Scene): Ask[] {
  const { thread, actor, others, url, replay, copy } = scene
  const data = { pull: `${replay} ${thread} ${copy}`, title: titleOf(scene), author: actor, url }
  const to = others.slice(0, 2).map(id => ({ id, reason: 'reviewer' }))
  return [ask(reviewRequested, of(scene, 'review', { to, data, actor, thread }))]
}

function assigned(scene: Scene): Ask[] {
  const { actor, others, thread, url } = scene
  const data = { title: titleOf(scene), by: actor, url }
  return [
    ask(issueAssigned, of(scene, 'assigned', { to: [{ id: others[0]!, reason: 'assign' }], data, actor, thread })),
  ]
}

const hourMs = 3_600_000

function built(scene: Scene): Ask[] {
  const { payload, copy, replay, project, url, now, others } = scene
  const run = payload.workflow_run ?? payload.check_run
  // A code host delivers some webhooks hours late; this product counts the second of each kind among them.
  const occurredAt = copy === 1 ? now - 2 * hourMs : now
  // The payloads know few failures, so here every completed run is taken for one.
  const data = { run: `${replay} ${run?.id} ${copy}`, name: run?.name || 'build', repository: project.name, url }
  const to = [{ audience: maintainersOf(project) }, { id: others[0]!, reason: 'author' }]
  return [ask(buildFailed, of(scene, 'built', { to, data, occurredAt }))]
}

function released(scene: Scene): Ask[] {
  const { payload, project, url, actor, replay } = scene
  const data = { repository: project.name, version: `${payload.release?.tag_name} (${replay})`, url }
  return [ask(releasePublished, of(scene, 'released', { to: [{ audience: watchersOf(project) }], data, actor }))]
}

function starred(scene: Scene): Ask[] {
  const { project, actor, url } = scene
  const data = { repository: project.name, by: actor, url }
  return [ask(repositoryStarred, of(scene, 'starred', { to: [{ id: project.owner, reason: 'owner' }], data, actor }))]
}

function invited(scene: Scene): Ask[] {
  const { payload, event, actor, others, url, replay, copy } = scene
  const data = { team: payload.team?.name ?? payload.organization?.login ?? scene.project.name, by: actor, url }
  // Whoever is invited from outside has no account yet: only a mailbox.
  const stranger = { contact: { email: `guest.${copy}.${replay.replaceAll(/\W/g, '')}@mail.example` } }
  const to = [event === 'organization.member_invited' ? stranger : others[0]!]
  return [ask(memberInvited, of(scene, 'invited', { to, data, actor }))]
}

function alerted(scene: Scene): Ask[] {
  const { payload, event, project, copy, replay } = scene
  const advisory = payload.security_advisory
  const severity = severities.find(one => one === advisory?.severity) ?? 'high'
  const data = {
    alert: `${replay} ${advisory?.ghsa_id ?? `${event} ${copy}`}`,
    summary: advisory?.summary ?? `${project.name} has a weakness`,
    severity,
    url: `https://community.example/${project.name}/security`,
  }
  return [ask(securityAlert, of(scene, 'alerted', { to: [{ audience: maintainersOf(project) }], data }))]
}

const severities = ['low', 'medium', 'high', 'critical'] as const

function signedIn(scene: Scene): Ask[] {
  const device = scene.payload.key?.title ?? 'an application'
  const data = { device, url: 'https://community.example/account/devices' }
  // No actor: whoever did it, the owner of the account must know.
  return [ask(signinNewDevice, of(scene, 'signed in', { to: [scene.others[0]!], data }))]
}
