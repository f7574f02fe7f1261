//! Who gets a message: subscriptions by what they match.

use std::collections::HashMap;
use std::sync::Arc;

use super::topics;
use super::wire::Qos;

/// A subscription of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscriber {
    /// The session's row.
    pub(super) session: u32,
    pub(super) qos: Qos,
}

/// All subscriptions: those without wildcards by their filter, the others in a tree by their levels.
///
/// The maps are only looked into, never gone through, so that their order decides nothing.
#[derive(Debug)]
pub(super) struct Index {
    exact: HashMap<Arc<str>, Vec<Subscriber>>,
    /// The tree; the first node is its root, and a node without parent is free.
    nodes: Vec<Node>,
    free: Vec<u32>,
    /// How many filters are in the tree.
    wild: usize,
    /// Nodes that match the topic up to the level looked at, and those one level further.
    front: Vec<u32>,
    next_front: Vec<u32>,
}

/// A place in the tree, reached by the levels above it.
#[derive(Debug, Default)]
struct Node {
    children: HashMap<Arc<str>, u32>,
    /// The child for any level.
    plus: Option<u32>,
    /// Filters that end here.
    here: Vec<Subscriber>,
    /// Filters that end here with `#`.
    below: Vec<Subscriber>,
}

const ROOT: u32 = 0;

/// From a node, by a level, to its child.
type Step<'f> = (u32, &'f str, u32);

impl Index {
    pub(super) fn new() -> Self {
        Self {
            exact: HashMap::new(),
            nodes: vec![Node::default()],
            free: Vec::new(),
            wild: 0,
            front: Vec::new(),
            next_front: Vec::new(),
        }
    }

    /// Adds a subscription, or replaces the one that this session has to the same filter. `name` tells the client id of a session;
    /// it decides the order of deliveries.
    pub(super) fn insert<'a>(&mut self, filter: &Arc<str>, subscriber: Subscriber, name: impl Fn(u32) -> &'a str) {
        let list = if topics::is_wild(filter) {
            self.wild += 1;
            let (end, below) = self.grow(filter);
            let node = &mut self.nodes[end as usize];
            if below { &mut node.below } else { &mut node.here }
        } else {
            self.exact.entry(Arc::clone(filter)).or_default()
        };
        match position(list, subscriber.session, name) {
            Ok(at) => {
                list[at] = subscriber;
                self.wild -= usize::from(topics::is_wild(filter));
            }
            Err(at) => list.insert(at, subscriber),
        }
    }

    /// Takes out the subscription that `session` has to `filter`.
    pub(super) fn remove<'a>(&mut self, filter: &str, session: u32, name: impl Fn(u32) -> &'a str) {
        if topics::is_wild(filter) {
            let Some((steps, below)) = self.path(filter) else { return };
            let end = steps.last().map_or(ROOT, |(_, _, child)| *child);
            let node = &mut self.nodes[end as usize];
            let list = if below { &mut node.below } else { &mut node.here };
            if let Ok(at) = position(list, session, name) {
                list.remove(at);
                self.wild -= 1;
                self.prune(&steps);
            }
        } else if let Some(list) = self.exact.get_mut(filter) {
            if let Ok(at) = position(list, session, name) {
                list.remove(at);
            }
            if list.is_empty() {
                self.exact.remove(filter);
            }
        }
    }

    /// Adds to `found` every subscription that matches `topic`, as [`topics::matches`] has it. Returns how many filters they have;
    /// those of one filter are in the order of their client ids.
    pub(super) fn matching(&mut self, topic: &str, hash_matches_parent: bool, found: &mut Vec<Subscriber>) -> usize {
        let mut filters = 0;
        let mut add = |list: &[Subscriber]| {
            filters += usize::from(!list.is_empty());
            found.extend_from_slice(list);
        };
        if let Some(list) = self.exact.get(topic) {
            add(list);
        }
        if self.wild == 0 {
            return filters;
        }
        let mut shy = topic.starts_with('$');
        self.front.clear();
        self.front.push(ROOT);
        for level in topic.split('/') {
            self.next_front.clear();
            for &node in &self.front {
                let node = &self.nodes[node as usize];
                self.next_front.extend(node.children.get(level));
                if !shy {
                    add(&node.below);
                    self.next_front.extend(node.plus);
                }
            }
            shy = false;
            core::mem::swap(&mut self.front, &mut self.next_front);
        }
        for &node in &self.front {
            let node = &self.nodes[node as usize];
            add(&node.here);
            if hash_matches_parent {
                add(&node.below);
            }
        }
        filters
    }

    /// The node where `filter` ends, made if it is not there, and whether a `#` comes after it.
    fn grow(&mut self, filter: &str) -> (u32, bool) {
        let mut at = ROOT;
        for level in filter.split('/') {
            if level == "#" {
                return (at, true);
            }
            at = match self.child(at, level) {
                Some(child) => child,
                None => self.sprout(at, level),
            };
        }
        (at, false)
    }

    fn child(&self, node: u32, level: &str) -> Option<u32> {
        let node = &self.nodes[node as usize];
        if level == "+" { node.plus } else { node.children.get(level).copied() }
    }

    fn sprout(&mut self, parent: u32, level: &str) -> u32 {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 levels at one time")
        });
        let parent = &mut self.nodes[parent as usize];
        if level == "+" {
            parent.plus = Some(child);
        } else {
            parent.children.insert(level.into(), child);
        }
        child
    }

    /// The steps to where `filter` ends, and whether a `#` comes after them.
    fn path<'f>(&self, filter: &'f str) -> Option<(Vec<Step<'f>>, bool)> {
        let (mut at, mut path) = (ROOT, Vec::new());
        for level in filter.split('/') {
            if level == "#" {
                return Some((path, true));
            }
            let child = self.child(at, level)?;
            path.push((at, level, child));
            at = child;
        }
        Some((path, false))
    }

    /// Frees the nodes at the end of the path that lead to nothing any more.
    fn prune(&mut self, path: &[Step<'_>]) {
        for &(parent, level, child) in path.iter().rev() {
            let node = &mut self.nodes[child as usize];
            let leads_on = node.plus.is_some() || !node.children.is_empty();
            if leads_on || !node.here.is_empty() || !node.below.is_empty() {
                return;
            }
            *node = Node::default();
            self.free.push(child);
            let parent = &mut self.nodes[parent as usize];
            if level == "+" {
                parent.plus = None;
            } else {
                parent.children.remove(level);
            }
        }
    }
}

/// Where `session` is in a list in the order of client ids, or where it belongs.
fn position<'a>(list: &[Subscriber], session: u32, name: impl Fn(u32) -> &'a str) -> Result<usize, usize> {
    list.binary_search_by(|other| name(other.session).cmp(name(session)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["d", "b", "c", "a"];

    fn levels(letters: &'static [&'static str], last: &'static [&'static str]) -> impl Strategy<Value = Arc<str>> {
        let level = prop::sample::select(letters);
        (prop::collection::vec(level, 0..4), prop::sample::select(last)).prop_map(|(mut levels, last)| {
            levels.push(last);
            levels.join("/").into()
        })
    }

    fn a_filter() -> impl Strategy<Value = Arc<str>> {
        levels(&["", "a", "b", "+", "$x"], &["", "a", "b", "+", "#", "$x"])
    }

    fn a_topic() -> impl Strategy<Value = Arc<str>> {
        levels(&["", "a", "b", "$x"], &["", "a", "b", "$x"])
    }

    fn name(session: u32) -> &'static str {
        NAMES[session as usize]
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_scan_of_all_filters_finds(
            steps in prop::collection::vec((a_filter(), 0..4_u32, any::<bool>()), 0..40),
            topics in prop::collection::vec(a_topic(), 1..8),
            hash_matches_parent in any::<bool>(),
        ) {
            let mut index = Index::new();
            let mut kept: Vec<(Arc<str>, u32)> = Vec::new();
            for (filter, session, add) in steps {
                kept.retain(|one| *one != (Arc::clone(&filter), session));
                if add {
                    index.insert(&filter, Subscriber { session, qos: Qos::AtLeastOnce }, name);
                    kept.push((filter, session));
                } else {
                    index.remove(&filter, session, name);
                }
            }
            for topic in topics {
                let mut found = Vec::new();
                let filters = index.matching(&topic, hash_matches_parent, &mut found);
                let mut found: Vec<&str> = found.iter().map(|one| name(one.session)).collect();
                prop_assert!(filters != 1 || found.is_sorted());
                let scan = kept.iter().filter(|(filter, _)| topics::matches(filter, &topic, hash_matches_parent));
                let mut wanted: Vec<&str> = scan.map(|(_, session)| name(*session)).collect();
                found.sort_unstable();
                wanted.sort_unstable();
                prop_assert_eq!(found, wanted, "{}", topic);
            }
            for (filter, session) in kept {
                index.remove(&filter, session, name);
            }
            prop_assert_eq!((index.wild, index.exact.len(), index.nodes.len() - index.free.len()), (0, 0, 1));
        }
    }
}
