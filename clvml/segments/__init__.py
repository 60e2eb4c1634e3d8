"""Who is alike: customers grouped by behaviour and value, and each group named by what it is.

``features`` makes behaviour comparable (unit-free, less skewed, standardised), ``selection`` says
how many groups there are, ``kmeans`` finds them and assigns new customers, ``naming`` says what
they are, ``profile`` what they hold, and ``evaluate`` whether they told who would be valuable.
``attributes`` adds what else is known of a customer. ``rules`` and ``rfm`` segment by rule, ``lifecycle``
says where a relation stands, ``movement`` who moved, ``treatments`` what to do at what budget, ``cards``
all of that on a page, and ``groups`` is the whole as one model.

Every segmentation gives a Series ``segment`` on the customers' index, numbered from 1 (the most
valuable), and a profile table with one row a segment; what works on these works on all of them.
"""
