"""Who is alike: customers grouped by behaviour and value, and each group named by what it is.

============== ===================================================================================
tables         the one door for tables and bare arrays, and what a column stands for
features       behaviour made comparable: unit-free, less skewed, standardised
attributes     what else is known of a customer, made into features
selection      how many segments there are
centers        where they are, and which is nearest
kmeans         K-means from all of that, with names, profile and assignment of new customers
naming         what segments are; ``profile`` what they hold
rules          segmentations by rule: ``classes`` (ABC, tiers), ``matrix``, ``rfm``
lifecycle      where a relation stands; ``relations`` its course and shape
stake          what can be lost, and the early warning
treatments     what to do at what budget; ``cards`` all of it on a page
groups         segment, class, stage and treatment as one model
evaluate       did segments tell who would be valuable? ``contest`` asks it of all ways at once
quality        large enough, told apart, reached, paying, stable?
intervals      how sure the mean value of a segment is
movement       who moved between two dates; ``components`` customers in two dimensions
============== ===================================================================================

Every segmentation gives a Series ``segment`` on the customers' index, numbered from 1 (the most
valuable), and a profile table with one row a segment; what works on these works on all of them.
"""
