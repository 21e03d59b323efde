import { emailVerification, loginLink, passwordChanged, passwordReset } from '../catalogue/account.ts'
import { alertCritical, alertNotice, alertWarning, incidentOpened } from '../catalogue/alerts.ts'
import { inviteReminder, memberInvited } from '../catalogue/community.ts'
import {
  milestoneReached,
  onboardingReminder,
  trialEnding,
  usageThreshold,
  userWelcomed,
} from '../catalogue/lifecycle.ts'
import { friendJoined, inviteSuggested, rewardEarned, rewardExpiring } from '../catalogue/referral.ts'
import { commentCreated, mentionReceived, replyReceived } from '../catalogue/social.ts'
import { type Ask, ask, type NotifyOptions } from '../sdk/ask.ts'

export type Workflow = keyof typeof workflows

type Said = Omit<NotifyOptions<unknown>, 'data'>

/** What a product states for each of the workflows that teams expect. The same `n` by another key is the same thing said again. */
export const workflows = {
  comments: (said, n) => [ask(commentCreated, { ...said, data: comment(n) })],
  mentions: (said, n) => [ask(mentionReceived, { ...said, data: comment(n) })],
  replies: (said, n) => [ask(replyReceived, { ...said, data: comment(n) })],
  'alerts by priority': (said, n) => [
    ask(alertCritical, { ...said, data: { alert: `disk ${n}`, title: `The disk ${n} is full`, url } }),
    ask(alertWarning, { ...said, data: { alert: `heat ${n}`, title: `Room ${n} is warm`, url } }),
    ask(alertNotice, { ...said, data: { alert: `certificate ${n}`, title: `Certificate ${n} ends`, url } }),
  ],
  'alert digest': (said, n) => [
    ask(alertNotice, { ...said, data: { alert: `backup ${n}`, title: `Backup ${n} was slow`, url } }),
    ask(usageThreshold, { ...said, data: { quota: 'builds', percent: 80, title: 'Few builds are left', url } }),
  ],
  'incident escalation': (said, n) => [
    ask(incidentOpened, { ...said, data: { incident: `incident ${n}`, service: 'search', url } }),
  ],
  'invite with reminder': said => [
    ask(memberInvited, { ...said, data: { team: 'parser', by: 'ada', url } }),
    ask(inviteReminder, { ...said, data: { team: 'parser', by: 'ada', url } }),
  ],
  'magic link': said => [ask(loginLink, { ...said, data: { url: `${url}/sign-in/one-time` } })],
  'password reset': said => [ask(passwordReset, { ...said, data: { url: `${url}/reset/one-time` } })],
  'password changed': said => [ask(passwordChanged, { ...said, data: { url } })],
  'email verification': said => [ask(emailVerification, { ...said, data: { url: `${url}/confirm/one-time` } })],
  'usage threshold': (said, n) => [
    ask(usageThreshold, { ...said, data: { quota: 'storage', percent: 80 + n, title: 'Storage is nearly full', url } }),
  ],
  'trial ending': said => [ask(trialEnding, { ...said, data: { plan: 'Team', ends: '2027-01-31', url } })],
  'friend joined': (said, n) => [ask(friendJoined, { ...said, data: { friend: `friend ${n}`, url } })],
  'reward earned': said => [ask(rewardEarned, { ...said, data: { reward: 'a free month', url } })],
  'reward expiring': said => [ask(rewardExpiring, { ...said, data: { reward: 'a free month', url } })],
  'ask to invite': said => [ask(inviteSuggested, { ...said, data: { reward: 'a free month', url } })],
  welcome: said => [ask(userWelcomed, { ...said, data: { name: 'Ada', url } })],
  'onboarding reminder': said => [ask(onboardingReminder, { ...said, data: { step: 'watch a project', url } })],
  'first milestone': said => [ask(milestoneReached, { ...said, data: { milestone: 'Ten stars', url } })],
} satisfies Record<string, (said: Said, n: number) => Ask[]>

const url = 'https://community.example/acme'

const comment = (n: number) => ({
  ...{ commentId: `comment ${n}`, author: 'ada', title: 'Docs', excerpt: 'How do bells ring?', url },
})
